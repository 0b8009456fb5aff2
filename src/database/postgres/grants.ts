import type { QueryRunner } from 'typeorm';
import { queryRows } from '../sql.js';

/** The roles that scripts/postgres-roles.sql makes beside the owner. */
export const APP_ROLE = 'ecatalog_app';
export const MONITOR_ROLE = 'ecatalog_monitor';

/** What the application may do to a table, where it is less than reading and writing rows. */
const fewer: Readonly<Record<string, string>> = {
  migrations: 'SELECT',
  // Append-only: a trigger refuses the rest too, but its owner could drop that one.
  audit_log: 'SELECT, INSERT',
};

/** What signs somebody in, or can be made into what does, is not for monitoring. */
export const secretColumns: Readonly<Record<string, readonly string[]>> = {
  account_tokens: ['token_hash'],
  api_keys: ['key_hash'],
  credentials: ['password_hash'],
  idempotency_keys: ['key', 'request_hash', 'answer'],
  mail_outbox: ['content'],
  recovery_codes: ['code_hash'],
  refresh_tokens: ['token_hash'],
  second_factors: ['secret'],
  sign_in_failures: ['email_hash'],
};

interface Relation {
  readonly name: string;
  readonly kind: 'table' | 'view' | 'sequence';
  readonly columns: readonly string[];
}

/**
 * Grants the application's and the monitoring role what they may do, table by table, where these roles exist. Rights
 * that one has beyond that are taken away.
 * @returns the roles
 */
export async function grantRights(runner: QueryRunner): Promise<string[]> {
  const found = await queryRows<{ name: string }>(
    runner,
    'SELECT rolname AS "name" FROM pg_roles WHERE rolname = ANY($1) ORDER BY 1',
    [[APP_ROLE, MONITOR_ROLE]],
  );
  const roles = found.map(({ name }) => name);
  if (roles.length === 0) return [];
  const relations = await queryRows<Relation>(
    runner,
    `SELECT c.relname AS "name",
       CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END AS "kind",
       ARRAY(SELECT a.attname::text FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS "columns"
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
     WHERE c.relkind IN ('r', 'p', 'v', 'S') AND pg_has_role(c.relowner, 'USAGE')
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
     ORDER BY 1`,
  );
  if (relations.length === 0) return [];
  const statements = roles.flatMap((role) => relations.flatMap((relation) => rightsOn(relation, role)));
  await runner.startTransaction();
  try {
    await runner.query(statements.join(';\n'));
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
  return roles;
}

function rightsOn({ name, kind, columns }: Relation, role: string): string[] {
  const on = `ON ${kind === 'sequence' ? 'SEQUENCE ' : ''}"${name}"`;
  const rights = role === APP_ROLE ? appRights(name, kind) : monitorRights(name, kind, columns);
  return [`REVOKE ALL ${on} FROM ${role}`, `GRANT ${rights} ${on} TO ${role}`];
}

function appRights(name: string, kind: Relation['kind']): string {
  if (kind === 'sequence') return 'USAGE, SELECT';
  if (kind === 'view') return 'SELECT';
  return fewer[name] ?? 'SELECT, INSERT, UPDATE, DELETE';
}

function monitorRights(name: string, kind: Relation['kind'], columns: readonly string[]): string {
  const secret = secretColumns[name];
  if (kind !== 'table' || !secret) return 'SELECT';
  const open = columns.filter((column) => !secret.includes(column));
  return `SELECT (${open.map((column) => `"${column}"`).join(', ')})`;
}
