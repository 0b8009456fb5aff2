import { assertSameShapes, tableShapes } from './table-shape.js';

const column = (table: string, name: string, type: string) => ({ table, column: name, type });

describe('the shape of tables', () => {
  it('is the same from both catalogues', () => {
    const sqlite = [
      column('a', 'id', 'varchar(36)'),
      column('a', 'at', 'datetime'),
      column('a', 'n', 'bigint'),
      column('a', 'ok', 'boolean'),
      column('a', 'tags', 'json'),
    ];
    const postgres = [
      column('a', 'id', 'uuid'),
      column('a', 'at', 'timestamp with time zone'),
      column('a', 'n', 'bigint'),
      column('a', 'ok', 'boolean'),
      column('a', 'tags', 'json'),
    ];
    expect(tableShapes(sqlite, [])).toEqual(tableShapes(postgres, []));
  });

  it('puts those first that others refer to', () => {
    const tables = ['a', 'b', 'c', 'd'].map((name) => column(name, 'id', 'uuid'));
    const references = [
      { table: 'a', parent: 'b' },
      { table: 'b', parent: 'd' },
      { table: 'b', parent: 'b' },
    ];
    expect(tableShapes(tables, references).map(({ name }) => name)).toEqual(['c', 'd', 'b', 'a']);
    const circle = [...references, { table: 'd', parent: 'a' }];
    expect(() => tableShapes(tables, circle)).toThrow('a, b, d refer to each other in a circle');
  });

  it('refuses a type that only one database knows, and what differs', () => {
    expect(() => tableShapes([column('a', 'x', 'bytea')], [])).toThrow('a.x has the type bytea');
    const one = tableShapes([column('a', 'x', 'text')], []);
    expect(() => assertSameShapes(one, tableShapes([column('a', 'x', 'integer')], []))).toThrow(
      'differ in a.x',
    );
    expect(() => assertSameShapes(one, [])).toThrow('no table a');
    expect(() => assertSameShapes(one, one)).not.toThrow();
  });
});
