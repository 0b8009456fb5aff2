import type { QueryRunner } from 'typeorm';
import type { Fingerprint } from '../released-schema.js';
import { queryRows } from '../sql.js';
import { normalizeSql } from '../sql-text.js';

interface CatalogueRow {
  readonly key: string;
  readonly value: string;
}

// What an extension made is the extension's; the table of the migrations is the migrator's.
const ours = (oid: string, catalogue: string) => `NOT EXISTS (SELECT 1 FROM pg_depend d
  WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
const tables = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
  AND c.relname NOT IN ('migrations', 'migrations_id_seq') AND ${ours('c.oid', 'pg_class')}`;

/** Each returns "key" and "value"; the system catalogue is described in the manual's chapter 52. */
const queries = [
  `SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || c.relname AS "key",
     concat_ws(' ', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END, CASE WHEN c.relrowsecurity THEN 'row security' END,
       CASE c.relkind WHEN 'p' THEN 'partitioned' END) AS "value"
   FROM ${tables} WHERE c.relkind IN ('r', 'p', 'f', 'S')`,
  `SELECT 'column ' || c.relname || '.' || a.attname AS "key",
     concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
       CASE WHEN a.attcollation NOT IN (0, (SELECT oid FROM pg_collation WHERE collname = 'default')) THEN 'COLLATE ' || (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END,
       CASE a.attidentity WHEN 'a' THEN 'ALWAYS AS IDENTITY' WHEN 'd' THEN 'BY DEFAULT AS IDENTITY' END,
       CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ' END || pg_get_expr(f.adbin, f.adrelid)) AS "value"
   FROM ${tables} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
   WHERE c.relkind IN ('r', 'p', 'f')`,
  // PostgreSQL 18 keeps NOT NULL here too, which the column says already.
  `SELECT CASE k.contype WHEN 'c' THEN 'check ' ELSE 'constraint ' END || c.relname || '.' || k.conname AS "key",
     pg_get_constraintdef(k.oid, true) AS "value"
   FROM ${tables} JOIN pg_constraint k ON k.conrelid = c.oid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')`,
  `SELECT 'index ' || i.relname AS "key",
     pg_get_indexdef(x.indexrelid, 0, true) || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END AS "value"
   FROM ${tables} JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
   WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.conrelid = c.oid)`,
  `SELECT 'trigger ' || t.tgname || ' on ' || c.relname AS "key",
     pg_get_triggerdef(t.oid, true) || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' ELSE ' ' || t.tgenabled::text END AS "value"
   FROM ${tables} JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal`,
  `SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.relname AS "key",
     pg_get_viewdef(c.oid, true) AS "value" FROM ${tables} WHERE c.relkind IN ('v', 'm')`,
  `SELECT 'rule ' || r.rulename || ' on ' || c.relname AS "key", pg_get_ruledef(r.oid, true) AS "value"
   FROM ${tables} JOIN pg_rewrite r ON r.ev_class = c.oid WHERE r.rulename <> '_RETURN'`,
  `SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS "key",
     concat_ws(' ', 'RETURNS', pg_get_function_result(p.oid), 'LANGUAGE', l.lanname,
       CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' END,
       CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END, array_to_string(p.proconfig, ' '), 'AS', p.prosrc) AS "value"
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = current_schema()
     JOIN pg_language l ON l.oid = p.prolang WHERE ${ours('p.oid', 'pg_proc')}`,
  `SELECT 'type ' || t.typname AS "key", concat_ws(' ', t.typtype,
     (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
     format_type(NULLIF(t.typbasetype, 0), t.typtypmod)) AS "value"
   FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace AND n.nspname = current_schema()
   WHERE t.typtype IN ('e', 'd') AND ${ours('t.oid', 'pg_type')}`,
];

/** The catalogue of a PostgreSQL database's current schema, in words that versions 15 to 18 share. */
export async function postgresFingerprint(runner: QueryRunner): Promise<Fingerprint> {
  const [{ schema } = { schema: 'public' }] = await queryRows<{ schema: string }>(
    runner,
    'SELECT current_schema() AS "schema"',
  );
  const found: Record<string, string> = {};
  for (const sql of queries)
    for (const { key, value } of await queryRows<CatalogueRow>(runner, sql))
      found[key] = normalized(key, value.replaceAll(`${schema}.`, ''));
  return found;
}

function normalized(key: string, definition: string): string {
  const text = normalizeSql(definition).replace(/;$/, '');
  const [, table] =
    /^(?:materialized )?view .*\bFROM "?(\w+)"?(?:$| WHERE\b| GROUP\b| ORDER\b)/s.exec(`${key} ${text}`) ??
    [];
  // Since PostgreSQL 16 a view of one table names its columns without it.
  return table && !/\bJOIN\b/.test(text) ? text.replaceAll(`${table}.`, '') : text;
}
