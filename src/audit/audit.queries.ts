import { type ColumnTypes, prepare } from '../database/sql.js';
import type { AuditEntry } from './audit.entity.js';

/** Key of the advisory lock on the chain's head (PostgreSQL). */
const CHAIN_LOCK = 7_302_117;

export const entryTypes: ColumnTypes<AuditEntry> = { seq: 'integer', at: 'instant' };

export const entryColumns = `"id", "seq", "at", "actor_kind" AS "actorKind", "actor_id" AS "actorId", "action",
  "entity_type" AS "entityType", "entity_id" AS "entityId", "ip", "request_id" AS "requestId", "before", "after",
  "reason", "hash"`;

/** Waits until no other unit is adding an entry; held until COMMIT. SQLite's writers are in single file anyway. */
export const lockChain = prepare(
  'audit-lock',
  `SELECT pg_advisory_xact_lock(${CHAIN_LOCK}) IS NULL AS "locked"`,
);

export const chainHead = prepare<{ seq: number; hash: string }>(
  'audit-head',
  'SELECT "seq", "hash" FROM "audit_log" ORDER BY "seq" DESC LIMIT 1',
  { seq: 'integer' },
);

export const addEntry = prepare(
  'audit-add',
  `INSERT INTO "audit_log" ("id", "seq", "at", "actor_kind", "actor_id", "action", "entity_type", "entity_id", "ip",
     "request_id", "before", "after", "reason", "hash")
   VALUES (:id, :seq, :at, :actorKind, :actorId, :action, :entityType, :entityId, :ip,
     :requestId, :before, :after, :reason, :hash)`,
);

export const entriesAfter = prepare<AuditEntry>(
  'audit-after',
  `SELECT ${entryColumns} FROM "audit_log" WHERE "seq" > :seq ORDER BY "seq" LIMIT :limit`,
  entryTypes,
);

export const entryCount = prepare<{ entries: number }>(
  'audit-count',
  'SELECT count(*) AS "entries" FROM "audit_log"',
  { entries: 'integer' },
);

/** The entries of a part of the chain that an account made, that are about it, or that name it within. */
export const entriesNaming = prepare<AuditEntry>(
  'audit-naming',
  `SELECT ${entryColumns} FROM "audit_log" WHERE "seq" > :after AND "seq" <= :until
     AND ("actor_id" = :id OR "entity_id" = :entityId OR "before" LIKE :naming OR "after" LIKE :naming)
   ORDER BY "seq"`,
  entryTypes,
);
