/**
 * Returns text folded for comparing and searching: NFKC, lower case, so that both databases find the same
 * (SQLite's LIKE and lower() fold ASCII only).
 */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/**
 * Returns the key by which an e-mail is unique and its failed sign-ins are counted: NFKC and lower case
 * (CVE-2019-19844: case and Unicode variants of an address are one account).
 */
export function emailKey(email: string): string {
  return fold(email.trim());
}

/** Returns a LIKE pattern that finds `search` literally, for use with `ESCAPE '\'`. */
export function likeContaining(search: string): string {
  return `%${fold(search).replace(/[\\%_]/g, '\\$&')}%`;
}

/**
 * Returns the text that `likeContaining` patterns are matched against: the given parts, folded, one a line, cut at
 * `length` characters (folding can lengthen).
 */
export function searchable(length: number, ...parts: (string | null | undefined)[]): string {
  return [...fold(parts.filter(Boolean).join('\n'))].slice(0, length).join('');
}
