// Strings, quoted names, comments, white space, and else one word or sign at a time.
const token = /'(?:''|[^'])*'|"(?:""|[^"])*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|\s+|\w+|[^\s\w]/g;

/** The words and signs of a SQL text, with `' '` for white space and comments. */
export function sqlTokens(sql: string): string[] {
  return (sql.match(token) ?? []).map((part) => (/^(\s|--|\/\*)/.test(part) ? ' ' : part));
}

/** The text on one line: single spaces, none inside of brackets' ends or before a comma, no comments. */
export function normalizeSql(sql: string): string {
  return joined(sqlTokens(sql));
}

/** The parts of a list, at the commas outside of brackets. */
export function splitList(tokens: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const part of tokens) {
    if (part === '(') depth += 1;
    if (part === ')') depth -= 1;
    if (part === ',' && depth === 0) parts.push([]);
    else parts.at(-1)?.push(part);
  }
  return parts;
}

/** The index of the bracket that closes the one at `open`. */
export function closingBracket(tokens: readonly string[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index += 1) {
    if (tokens[index] === '(') depth += 1;
    if (tokens[index] === ')' && --depth === 0) return index;
  }
  return tokens.length;
}

/** The tokens as normalised text. */
export function joined(tokens: readonly string[]): string {
  let text = '';
  for (const part of tokens) {
    if (part === ' ' && /[ (]$/.test(text)) continue;
    if (part === ')' || part === ',') text = text.trimEnd();
    text += part;
  }
  return text.trim();
}
