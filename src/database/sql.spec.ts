import { fromSqliteInstant, toSqliteInstant } from './instants.js';
import { convertRows, parseSql, render, type SqlParameters } from './sql.js';
import { normalizeSql } from './sql-text.js';

const at = new Date('2026-11-21T23:05:06.789Z');
const bound = (sql: string, parameters: SqlParameters) => ({
  sqlite: render(parseSql(sql), 'sqlite', parameters),
  postgres: render(parseSql(sql), 'postgres', parameters),
});

describe('named parameters', () => {
  it.each<[string, SqlParameters, string, string, unknown[]]>([
    ['a = :a AND b = :b', { a: 1, b: 'x' }, 'a = ? AND b = ?', 'a = $1 AND b = $2', [1, 'x']],
    ['a IN (:...ids)', { ids: [1, 2] }, 'a IN (?, ?)', 'a IN ($1, $2)', [1, 2]],
    ["':a' || :a", { a: 1 }, "':a' || ?", "':a' || $1", [1]],
    ["'it''s :b' = :a", { a: 1 }, "'it''s :b' = ?", "'it''s :b' = $1", [1]],
    ['":b" = :a', { a: 1 }, '":b" = ?', '":b" = $1', [1]],
    ['x::text = :a::text', { a: 1 }, 'x::text = ?::text', 'x::text = $1::text', [1]],
    ['a = :a -- not :b\n', { a: 1 }, 'a = ? -- not :b\n', 'a = $1 -- not :b\n', [1]],
    ['/* :b */ :a', { a: 1 }, '/* :b */ ?', '/* :b */ $1', [1]],
    ["E'\\':b' = :a", { a: 1 }, "E'\\':b' = ?", "E'\\':b' = $1", [1]],
    ['$f$ :b $f$ :a', { a: 1 }, '$f$ :b $f$ ?', '$f$ :b $f$ $1', [1]],
    ["'12:30'::time", {}, "'12:30'::time", "'12:30'::time", []],
  ])('finds them in %s', (sql, parameters, sqlite, postgres, values) => {
    expect(bound(sql, parameters)).toEqual({
      sqlite: { text: sqlite, values },
      postgres: { text: postgres, values },
    });
  });

  it('repeats a value where the dialect needs it', () => {
    expect(bound(':a + :a', { a: 1 })).toEqual({
      sqlite: { text: '? + ?', values: [1, 1] },
      postgres: { text: '$1 + $1', values: [1] },
    });
  });

  it('gives each driver the form it takes', () => {
    const { sqlite, postgres } = bound(':a :b :c :d :e', {
      a: at,
      b: true,
      c: undefined,
      d: { k: 1 },
      e: [1, 2],
    });
    expect(sqlite.values).toEqual(['2026-11-21 23:05:06.789', 1, null, '{"k":1}', '[1,2]']);
    expect(postgres.values).toEqual(['2026-11-21T23:05:06.789Z', true, null, '{"k":1}', [1, 2]]);
  });

  it('refuses what is not given', () => {
    expect(() => bound(':a', {})).toThrow(':a is not given');
    expect(() => bound(':...a', { a: [] })).toThrow('at least one');
  });
});

describe('convertRows', () => {
  it('makes the rows of both drivers alike', () => {
    const types = {
      at: 'instant',
      flag: 'boolean',
      count: 'integer',
      json: 'json',
      none: 'instant',
    } as const;
    const expected = [{ at, flag: true, count: 7, json: { k: [1] }, none: null, name: 'x' }];
    const sqlite = {
      at: '2026-11-21 23:05:06.789',
      flag: 1,
      count: 7,
      json: '{"k":[1]}',
      none: null,
      name: 'x',
    };
    const postgres = { at, flag: true, count: '7', json: { k: [1] }, none: null, name: 'x' };
    expect(convertRows([sqlite], types, 'sqlite')).toEqual(expected);
    expect(convertRows([postgres], types, 'postgres')).toEqual(expected);
    expect(convertRows([{ json: '{"not":"parsed again"}' }], { json: 'json' }, 'postgres')).toEqual([
      { json: '{"not":"parsed again"}' },
    ]);
  });
});

describe('instants', () => {
  it.each(['2026-11-21 23:05:06.789', '2026-11-21T23:05:06.789Z', '2026-11-22T00:05:06.789+01:00'])(
    'reads %s',
    (text) => expect(fromSqliteInstant(text)).toEqual(at),
  );
  it('writes text that sorts', () => expect(toSqliteInstant(at)).toBe('2026-11-21 23:05:06.789'));
});

describe('normalizeSql', () => {
  it('keeps what means something', () => {
    expect(
      normalizeSql(`CREATE  TABLE "a  b" (\n  x int , -- why\n y text DEFAULT 'two  spaces' /* c */ )`),
    ).toBe(`CREATE TABLE "a  b" (x int, y text DEFAULT 'two  spaces')`);
  });
});
