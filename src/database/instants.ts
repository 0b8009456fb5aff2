/** An instant as SQLite stores it: `2026-11-21 23:00:00.000`, UTC, which sorts and compares as text. */
export function toSqliteInstant(instant: Date): string {
  return instant.toISOString().slice(0, -1).replace('T', ' ');
}

/** The instant that such a text stands for; also with `T`, without milliseconds, or with an offset. */
export function fromSqliteInstant(text: string): Date {
  // As the app writes it: the hot routes read several.
  if (text.length === 23 && text[19] === '.' && !text.endsWith('Z'))
    return new Date(`${text.slice(0, 10)}T${text.slice(11)}Z`);
  const iso = text.replace(' ', 'T');
  return new Date(/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
}
