import type { QueryRunner } from 'typeorm';

/** The words in which one CREATE TABLE differs between SQLite and PostgreSQL. */
export interface Ddl {
  readonly dialect: 'sqlite' | 'postgres';
  /** Column type of an id (UUIDv7 made by the app). */
  readonly id: string;
  /** Column type of an instant, UTC, milliseconds. */
  readonly instant: string;
  /** The current instant in the form the app writes it. */
  readonly now: string;
  /**
   * A text column that holds at most `length` characters on both databases.
   * SQLite ignores the length of a varchar, so a CHECK repeats it.
   */
  text(table: string, column: string, length: number, rest?: string): string;
  /** Runs statements in order; an array entry may be given per dialect. */
  run(...statements: (string | Partial<Record<'sqlite' | 'postgres', string>>)[]): Promise<void>;
  /** Keeps `updated_at` true also for SQL that forgets it; acts only when the statement left it unchanged. */
  touchTrigger(table: string, key?: string): Promise<void>;
}

/** Returns the dialect's words for the migration that runs on `runner`. */
export function ddl(runner: QueryRunner): Ddl {
  const postgres = runner.dataSource.options.type === 'postgres';
  const dialect = postgres ? 'postgres' : 'sqlite';
  const now = postgres ? `date_trunc('milliseconds', now())` : `strftime('%Y-%m-%d %H:%M:%f','now')`;
  const run: Ddl['run'] = async (...statements) => {
    for (const statement of statements) {
      const sql = typeof statement === 'string' ? statement : statement[dialect];
      if (sql !== undefined) await runner.query(sql);
    }
  };
  return {
    dialect,
    id: postgres ? 'uuid' : 'varchar(36)',
    instant: postgres ? 'timestamptz(3)' : 'datetime',
    now,
    text: (table, column, length, rest = 'NOT NULL') =>
      `"${column}" varchar(${length}) ${rest} CONSTRAINT "ck_${table}_${column}" CHECK (length("${column}") <= ${length})`,
    run,
    touchTrigger: (table, key = 'id') =>
      run({
        sqlite: `CREATE TRIGGER "tr_${table}_updated_at" AFTER UPDATE ON "${table}" FOR EACH ROW
          WHEN NEW."updated_at" IS OLD."updated_at"
          BEGIN UPDATE "${table}" SET "updated_at" = ${now} WHERE "${key}" = NEW."${key}"; END`,
        postgres: `CREATE TRIGGER "tr_${table}_updated_at" BEFORE UPDATE ON "${table}" FOR EACH ROW
          WHEN (NEW."updated_at" IS NOT DISTINCT FROM OLD."updated_at") EXECUTE FUNCTION touch_updated_at()`,
      }),
  };
}
