import { prepare } from '../database/sql.js';

/** What is going on in the catalog; each part walks an index. */
export const activity = prepare<{
  liveDemoSessions: number;
  waitingMails: number;
  failedMails: number;
  oldestMail: Date | null;
}>(
  'metrics-activity',
  `SELECT
     (SELECT count(*) FROM "demo_sessions" WHERE "ended_at" IS NULL AND "lapses_at" > :now) AS "liveDemoSessions",
     (SELECT count(*) FROM "mail_outbox" WHERE "next_attempt_at" IS NOT NULL) AS "waitingMails",
     (SELECT min("created_at") FROM "mail_outbox" WHERE "next_attempt_at" IS NOT NULL) AS "oldestMail",
     (SELECT count(*) FROM "mail_outbox" WHERE "failed_at" IS NOT NULL) AS "failedMails"`,
  { liveDemoSessions: 'integer', waitingMails: 'integer', failedMails: 'integer', oldestMail: 'instant' },
);

export const jobs = prepare<{ name: string; lastRunAt: Date | null; nextRunAt: Date | null }>(
  'metrics-jobs',
  `SELECT "name", "last_run_at" AS "lastRunAt", "next_run_at" AS "nextRunAt" FROM "jobs"`,
  { lastRunAt: 'instant', nextRunAt: 'instant' },
);

/** The last backup that went well, and the last that failed. */
export const lastBackups = prepare<{
  result: string;
  startedAt: Date;
  finishedAt: Date;
  sizeBytes: number | null;
}>(
  'metrics-backups',
  `SELECT "result", "started_at" AS "startedAt", "finished_at" AS "finishedAt", "size_bytes" AS "sizeBytes"
   FROM "backup_runs" b
   WHERE "finished_at" = (SELECT max(o."finished_at") FROM "backup_runs" o WHERE o."result" = b."result")`,
  { startedAt: 'instant', finishedAt: 'instant', sizeBytes: 'integer' },
);

/** PostgreSQL: rows by table, as its statistics have them. */
export const tableRows = `SELECT relname AS "table", n_live_tup AS "rows", n_dead_tup AS "deadRows"
  FROM pg_stat_user_tables WHERE schemaname = current_schema()`;

/** PostgreSQL: how large the database is, and how much its server has written to the log since it was made. */
export const serverSizes = `SELECT pg_database_size(current_database()) AS "database",
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS "walWritten",
    has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS "maySeeWal"`;
export const walSize = `SELECT COALESCE(sum(size), 0) AS "bytes" FROM pg_ls_waldir()`;
