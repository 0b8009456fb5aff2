/** The benchmark's data on PostgreSQL: a scratch database beside the one that is given, dropped at the end. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import pg from 'pg';
import { Sqlite } from '../dist/src/database/sqlite/sqlite.js';

const ROWS = 2_000;

/**
 * Copies a SQLite file with the data into a new database.
 * @param server URL of a database whose role may create others
 * @returns its URL, what ends all demo sessions, and what drops it
 */
export async function postgresCopy(file, server, say) {
  const name = `ecatalog_bench_${process.pid}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`CREATE DATABASE "${name}"`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  execFileSync(process.execPath, [join(import.meta.dirname, '../dist/src/cli.js'), 'migrate', 'up'], {
    stdio: 'pipe',
    env: { PATH: process.env.PATH, DATABASE_URL: url },
  });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  say('copying the data to PostgreSQL …');
  const source = new Sqlite(file, { readonly: true });
  for (const table of await tablesInOrder(client)) await copyTable(source, client, table);
  source.close();
  await client.query('ANALYZE');
  return {
    url,
    async endSessions() {
      await client.query(
        `UPDATE demo_sessions SET ended_at = opened_at, end_reason = 'closed' WHERE ended_at IS NULL`,
      );
    },
    async drop() {
      await client.end();
      await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** Every table, those that others refer to first. */
async function tablesInOrder(client) {
  const { rows: tables } = await client.query(
    `SELECT c.oid, c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
       AND c.relname <> 'migrations' ORDER BY c.relname`,
  );
  const { rows: references } = await client.query(
    `SELECT conrelid AS "from", confrelid AS "to" FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid`,
  );
  const order = [];
  while (order.length < tables.length) {
    const done = new Set(order.map(({ oid }) => oid));
    const waits = ({ oid }) => references.some(({ from, to }) => from === oid && !done.has(to));
    order.push(...tables.filter((table) => !done.has(table.oid) && !waits(table)));
  }
  return order.map(({ name }) => name);
}

async function copyTable(source, client, table) {
  const columns = source.pragma(`table_info("${table}")`).map(({ name }) => name);
  if (columns.length === 0) return;
  const names = columns.map((column) => `"${column}"`).join(', ');
  const { rows } = await client.query(`SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_attribute a WHERE a.attrelid = '"${table}"'::regclass AND a.attnum > 0`);
  const types = Object.fromEntries(rows.map(({ name, type }) => [name, type]));
  await client.query(`DELETE FROM "${table}"`);
  const lists = columns.map((column, index) => `$${index + 1}::text[]::${types[column]}[]`).join(', ');
  const insert = `INSERT INTO "${table}" (${names}) SELECT * FROM unnest(${lists})`;
  let batch = [];
  const send = async () => {
    if (batch.length > 0)
      await client.query(
        insert,
        columns.map((column) => batch.map((row) => textOf(row[column]))),
      );
    batch = [];
  };
  for (const row of source.prepare(`SELECT ${names} FROM "${table}"`).iterate()) {
    batch.push(row);
    if (batch.length === ROWS) await send();
  }
  await send();
}

function textOf(value) {
  return value === null ? null : String(value);
}
