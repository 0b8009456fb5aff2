import type { QueryRunner } from 'typeorm';
import type { Fingerprint } from '../released-schema.js';
import { queryRows } from '../sql.js';
import { closingBracket, joined, normalizeSql, splitList, sqlTokens } from '../sql-text.js';

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string | null;
}

/** A CREATE TABLE taken apart. Each value is normalised SQL. */
export interface TableParts {
  readonly columns: ReadonlyMap<string, string>;
  readonly checks: ReadonlyMap<string, string>;
  /** Keys, references and unique constraints, by name. */
  readonly constraints: ReadonlyMap<string, string>;
  /** What follows the closing bracket. */
  readonly options: string;
}

/** The catalogue of a SQLite database, from the statements that it keeps. */
export async function sqliteFingerprint(runner: QueryRunner): Promise<Fingerprint> {
  const rows = await queryRows<SchemaRow>(
    runner,
    `SELECT "type", "name", "tbl_name", "sql" FROM "sqlite_master"
     WHERE "name" NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND "tbl_name" <> 'migrations'`,
  );
  const found: Record<string, string> = {};
  for (const { type, name, tbl_name: table, sql } of rows) {
    if (sql === null) continue;
    if (type !== 'table') found[`${type} ${name}`] = normalizeSql(sql);
    else if (/^\s*create\s+virtual/i.test(sql)) found[`table ${table}`] = normalizeSql(sql);
    else Object.assign(found, tableEntries(table, parseCreateTable(sql)));
  }
  return found;
}

/** Takes a CREATE TABLE apart: SQLite has no catalogue of constraints. */
export function parseCreateTable(sql: string): TableParts {
  const tokens = sqlTokens(sql);
  const open = tokens.indexOf('(');
  const close = closingBracket(tokens, open);
  const columns = new Map<string, string>();
  const checks = new Map<string, string>();
  const constraints = new Map<string, string>();
  for (const definition of splitList(tokens.slice(open + 1, close))) {
    const rest = joined(withoutChecks(definition, checks));
    if (rest === '') continue;
    const constraint = /^constraint "?(\w+)"? (.*)$/i.exec(rest);
    if (constraint) constraints.set(constraint[1] ?? '', constraint[2] ?? '');
    else if (/^(primary key|unique|foreign key)\b/i.test(rest)) constraints.set(rest, rest);
    else columns.set(/^["`]?(\w+)/.exec(rest)?.[1] ?? rest, rest.replace(/^\S+ ?/, ''));
  }
  return { columns, checks, constraints, options: joined(tokens.slice(close + 1)) };
}

function tableEntries(table: string, { columns, checks, constraints, options }: TableParts): Fingerprint {
  const entries: Record<string, string> = { [`table ${table}`]: options };
  for (const [name, definition] of columns) entries[`column ${table}.${name}`] = definition;
  for (const [name, expression] of checks) entries[`check ${table}.${name}`] = expression;
  for (const [name, definition] of constraints) entries[`constraint ${table}.${name}`] = definition;
  return entries;
}

/** Moves each CHECK of a definition to `checks` and returns what is left. */
function withoutChecks(definition: readonly string[], checks: Map<string, string>): string[] {
  const rest: string[] = [];
  for (let index = 0; index < definition.length; index += 1) {
    const open = definition.indexOf('(', index);
    if (definition[index]?.toLowerCase() !== 'check' || open < 0) {
      rest.push(definition[index] ?? '');
      continue;
    }
    const named = /^(.*?)constraint "?(\w+)"? $/is.exec(rest.join(''));
    if (named) rest.splice(0, rest.length, ...sqlTokens(named[1] ?? ''));
    const close = closingBracket(definition, open);
    const expression = joined(definition.slice(open + 1, close));
    checks.set(named?.[2] ?? `without a name (${expression})`, expression);
    index = close;
  }
  return rest;
}
