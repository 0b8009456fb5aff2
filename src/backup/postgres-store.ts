import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import copyStreams from 'pg-copy-streams';
import type { DataSource } from 'typeorm';
import { linesOf } from './lines.js';
import { RowCodec } from './row-codec.js';
import { appliedSql, type AppliedMigration, type RowWriter, type Store, type StoreMode } from './store.js';
import {
  columnList,
  tableShapes,
  type CatalogueColumn,
  type Reference,
  type TableShape,
} from './table-shape.js';

const ours = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
  AND c.relkind = 'r' AND c.relname <> 'migrations'`;
const columnsSql = `SELECT c.relname AS "table", a.attname AS "column", format_type(a.atttypid, NULL) AS "type"
  FROM ${ours} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  ORDER BY c.relname, a.attnum`;
const referencesSql = `SELECT c.relname AS "table", p.relname AS "parent"
  FROM ${ours} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' JOIN pg_class p ON p.oid = k.confrelid`;
const sequencesSql = `SELECT c.relname AS "table", a.attname AS "column", s.name AS "sequence"
  FROM ${ours} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname) AS name) s
  WHERE s.name IS NOT NULL`;

/**
 * `frozen` and `fill` lock the tables before the snapshot is taken: nobody's write is lost in between. The table of
 * the migrations, too: no migration begins.
 */
const begin: Record<StoreMode, { readonly transaction: string; readonly lock?: string }> = {
  snapshot: { transaction: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' },
  frozen: { transaction: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', lock: 'SHARE' },
  fill: { transaction: 'BEGIN', lock: 'SHARE ROW EXCLUSIVE' },
};

/** The rows of a PostgreSQL database. */
export class PostgresStore implements Store {
  readonly dialect = 'postgres';

  private constructor(
    private readonly client: ClientBase,
    readonly tables: readonly TableShape[],
  ) {}

  /** See `withStore`. */
  static async use<T>(
    dataSource: DataSource,
    mode: StoreMode,
    work: (store: PostgresStore) => Promise<T>,
  ): Promise<T> {
    const runner = dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as ClientBase;
      const columns = await client.query<CatalogueColumn>(columnsSql);
      const references = await client.query<Reference>(referencesSql);
      const tables = tableShapes(columns.rows, references.rows);
      const { transaction, lock } = begin[mode];
      await client.query(transaction);
      // A role may have limits that suit requests.
      await client.query(
        'SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0',
      );
      try {
        if (lock) {
          const names = [...tables.map(({ name }) => `"${name}"`), '"migrations"'];
          await client.query(`LOCK TABLE ${names.join(', ')} IN ${lock} MODE`);
        }
        // The first query takes the snapshot, not BEGIN.
        await client.query('SELECT 1');
        const result = await work(new PostgresStore(client, tables));
        await client.query(mode === 'fill' ? 'COMMIT' : 'ROLLBACK');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    } finally {
      await runner.release();
    }
  }

  async migrations(): Promise<AppliedMigration[]> {
    return (await this.client.query<AppliedMigration>(appliedSql)).rows;
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.client.query<{ count: number }>(`SELECT count(*) AS "count" FROM "${table}"`);
    return Number(rows[0]?.count);
  }

  async *read(table: TableShape): AsyncGenerator<string[]> {
    const codec = new RowCodec(table);
    const stream = this.client.query(copyStreams.to(`COPY "${table.name}" (${columnList(table)}) TO STDOUT`));
    for await (const lines of linesOf(stream as AsyncIterable<Buffer>))
      yield lines.map((line) => codec.fromPostgres(line));
  }

  insert(table: TableShape): RowWriter {
    const stream = this.client.query(
      copyStreams.from(`COPY "${table.name}" (${columnList(table)}) FROM STDIN`),
    );
    let failure: Error | undefined;
    stream.on('error', (error) => (failure ??= error));
    return {
      write: async (lines) => {
        if (failure) throw failure;
        if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain');
      },
      end: async () => {
        if (failure) throw failure;
        stream.end();
        await finished(stream);
      },
    };
  }

  async clear(): Promise<void> {
    const names = this.tables.map(({ name }) => `"${name}"`);
    if (names.length === 0) return;
    // The audit log refuses it, and should for everybody but its owner who restores.
    for (const name of names) await this.client.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`);
    await this.client.query(`TRUNCATE ${names.join(', ')}`);
    for (const name of names) await this.client.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`);
  }

  async settle(): Promise<void> {
    const { rows } = await this.client.query<{ table: string; column: string; sequence: string }>(
      sequencesSql,
    );
    for (const { table, column, sequence } of rows)
      await this.client.query(
        `SELECT setval($1::regclass, max("${column}")) FROM "${table}" HAVING max("${column}") IS NOT NULL`,
        [sequence],
      );
  }

  /** The snapshot's name, under which another session sees the same rows while this transaction lasts. */
  async exportSnapshot(): Promise<string> {
    const { rows } = await this.client.query<{ id: string }>('SELECT pg_export_snapshot() AS "id"');
    return rows[0]!.id;
  }
}
