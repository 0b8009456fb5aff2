import { RowCodec } from './row-codec.js';
import type { ColumnKind } from './table-shape.js';

const codec = (...kinds: ColumnKind[]): RowCodec =>
  new RowCodec({ name: 'things', columns: kinds.map((kind, index) => ({ name: `c${index}`, kind })) });

describe('a row as a line', () => {
  it.each<[ColumnKind, unknown, string]>([
    ['text', 'plain', 'plain'],
    ['text', '', ''],
    ['text', '\\N', '\\\\N'],
    ['text', 'a\tb\nc\rd\be\ff\vg\\', 'a\\tb\\nc\\rd\\be\\ff\\vg\\\\'],
    ['text', '’é漢😀\u0001\u007f', '’é漢😀\u0001\u007f'],
    ['text', null, '\\N'],
    ['integer', 0, '0'],
    ['integer', -(2 ** 53) + 1, '-9007199254740991'],
    ['boolean', 1, 't'],
    ['boolean', 0, 'f'],
    ['instant', '2026-11-22 02:25:00.100', '2026-11-22 02:25:00.100+00'],
    ['json', '{"a":"\\n"}', '{"a":"\\\\n"}'],
    ['json', '["x"]', '["x"]'],
    ['json', 30, '30'],
    ['json', 'null', 'null'],
  ])('%s %j is %j, and back', (kind, value, line) => {
    expect(codec(kind).fromSqlite([value])).toBe(line);
    const back = codec(kind).toSqlite(line)[0];
    // SQLite makes a number of JSON that is one, by itself.
    expect(kind === 'json' && typeof value === 'number' ? Number(back) : back).toBe(value);
  });

  it('writes an instant in its one form, whoever wrote it how', () => {
    const sqlite = codec('instant');
    for (const text of ['2026-11-22T02:25:00Z', '2026-11-22 04:25:00+02:00', '2026-11-22 02:25:00'])
      expect(sqlite.fromSqlite([text])).toBe('2026-11-22 02:25:00.000+00');
    const postgres = codec('text', 'instant');
    expect(postgres.fromPostgres('a\t2026-11-22 02:25:00+00')).toBe('a\t2026-11-22 02:25:00.000+00');
    expect(postgres.fromPostgres('a\t2026-11-22 02:25:00.1+00')).toBe('a\t2026-11-22 02:25:00.100+00');
    expect(postgres.fromPostgres('a\t\\N')).toBe('a\t\\N');
  });

  it.each<[ColumnKind, unknown]>([
    ['text', 5],
    ['text', Buffer.from('x')],
    ['text', 'a\0b'],
    ['integer', '5'],
    ['integer', 1.5],
    ['integer', 2 ** 53],
    ['boolean', 2],
    ['boolean', 'true'],
    ['instant', 'tomorrow'],
    ['instant', 1763778300],
    ['json', '{a:1}'],
  ])('refuses that %s is %j', (kind, value) => {
    expect(() => codec(kind).fromSqlite([value])).toThrow('things.c0 holds a value that is no');
  });

  it('refuses what SQLite could not give back', () => {
    expect(() => codec('integer').toSqlite('9007199254740993')).toThrow('no integer');
    expect(() => codec('boolean').toSqlite('yes')).toThrow('no boolean');
    expect(() => codec('instant').fromPostgres('infinity')).toThrow('no instant');
    expect(() => codec('text', 'text').toSqlite('one')).toThrow('1 fields in place of 2');
  });
});
