import { Entity } from 'typeorm';
import { dialect, freshDatabase, openSqlite, type TestDatabase } from '../../test/support/database.js';
import { dataSourceOf } from '../../test/support/data-source.js';
import { IdColumn } from './columns.js';
import { findDrift } from './drift.js';
import { entities } from './entities.js';

@Entity('unborn')
class Unborn {
  @IdColumn() id!: string;
}

/** The differences that were found in a database of the release after `plant`. */
async function driftAfter(plant: (database: TestDatabase) => Promise<unknown>): Promise<string[]> {
  const database = await freshDatabase();
  await plant(database);
  const dataSource = await dataSourceOf(database, { role: 'migrator', entities }).initialize();
  try {
    return await findDrift(dataSource);
  } finally {
    await dataSource.destroy();
    await database.drop();
  }
}

/** Rewrites a statement that SQLite keeps: it has no ALTER for constraints and views. */
const rewrite = (name: string, from: string | RegExp, to: string) => async (database: TestDatabase) => {
  const connection = openSqlite(database.url.slice('sqlite:'.length));
  try {
    connection.unsafeMode();
    const { sql } = connection.prepare('SELECT sql FROM sqlite_master WHERE name = ?').get(name) as {
      sql: string;
    };
    const changed = sql.replace(from, to);
    expect(changed).not.toBe(sql);
    connection.pragma('writable_schema = ON');
    connection.prepare('UPDATE sqlite_master SET sql = ? WHERE name = ?').run(changed, name);
  } finally {
    connection.close();
  }
};
const sql =
  (...statements: string[]) =>
  async (database: TestDatabase) => {
    for (const statement of statements) await database.sql(statement);
  };

type Planted = readonly [what: string, plant: (database: TestDatabase) => Promise<unknown>, named: RegExp];

const onBoth: Planted[] = [
  ['a lost index', sql('DROP INDEX ix_clients_company'), /^index ix_clients_company is missing$/],
  [
    'a changed predicate',
    sql(
      'DROP INDEX ix_sessions_user_id',
      'CREATE INDEX ix_sessions_user_id ON sessions (user_id) WHERE ended_at IS NOT NULL',
    ),
    /^index ix_sessions_user_id is changed: expected .*ended_at"? IS NULL, found .*IS NOT NULL/,
  ],
  [
    'an index on other columns',
    sql('DROP INDEX ix_clients_company', 'CREATE INDEX "ix_clients_company" ON "clients" ("name")'),
    /^index ix_clients_company is changed/,
  ],
  [
    'an extra column',
    sql('ALTER TABLE clients ADD COLUMN "nickname" varchar(20)'),
    /^column clients.nickname is extra/,
  ],
  [
    'a missing column',
    sql('ALTER TABLE sessions DROP COLUMN last_used_at'),
    /^column sessions.last_used_at is missing/,
  ],
  ['an extra table', sql('CREATE TABLE "leftover" ("id" integer)'), /^table leftover is extra/],
  ['a missing table', sql('DROP TABLE idempotency_keys'), /^table idempotency_keys is missing$/],
  ['a missing view', sql('DROP VIEW v_active_demos'), /^view v_active_demos is missing$/],
  ['an extra view', sql('CREATE VIEW v_extra AS SELECT id FROM clients'), /^view v_extra is extra/],
  [
    'a changed view',
    sql(
      'DROP VIEW v_active_demos',
      `CREATE VIEW v_active_demos AS SELECT id, slug FROM demos WHERE status <> 'retired'`,
    ),
    /^view v_active_demos is changed/,
  ],
];

const planted: Record<'sqlite' | 'postgres', Planted[]> = {
  sqlite: [
    [
      'a missing trigger',
      sql('DROP TRIGGER tr_audit_log_no_update'),
      /^trigger tr_audit_log_no_update is missing$/,
    ],
    [
      'a changed trigger',
      rewrite('tr_audit_log_no_update', 'append-only', 'append-mostly'),
      /^trigger tr_audit_log_no_update is changed/,
    ],
    [
      'a changed CHECK of a column',
      rewrite('clients', `length("name") <= 200`, `length("name") <= 20000`),
      /^check clients.ck_clients_name is changed: expected length\("name"\) <= 200, found length\("name"\) <= 20000/,
    ],
    [
      'a changed CHECK of a table',
      rewrite('clients', `"access_starts_at" < "access_ends_at"`, `"access_starts_at" <= "access_ends_at"`),
      /^check clients.ck_clients_window is changed/,
    ],
    [
      'a missing CHECK',
      rewrite('users', /CONSTRAINT "ck_users_role_known" CHECK \([^)]*\)\),/, ''),
      /^check users.ck_users_role_known is missing/,
    ],
    [
      'a column that may be empty',
      rewrite('clients', /("version" integer) NOT NULL/, '$1'),
      /^column clients.version is changed/,
    ],
    [
      'another type',
      rewrite('clients', /("version") integer/, '$1 text'),
      /^column clients.version is changed/,
    ],
    [
      'a changed foreign key',
      rewrite('sessions', 'ON DELETE CASCADE', 'ON DELETE SET NULL'),
      /^constraint sessions.fk_sessions_\w+ is changed/,
    ],
  ],
  postgres: [
    [
      'a missing trigger',
      sql('DROP TRIGGER tr_audit_log_no_change ON audit_log'),
      /^trigger tr_audit_log_no_change on audit_log is missing$/,
    ],
    [
      'a disabled trigger',
      sql('ALTER TABLE audit_log DISABLE TRIGGER tr_audit_log_no_change'),
      /^trigger tr_audit_log_no_change on audit_log is changed: .* DISABLED$/,
    ],
    [
      'a changed trigger function',
      sql(
        'CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      ),
      /^function refuse_audit_change\(\) is changed/,
    ],
    [
      'a changed CHECK',
      sql(
        'ALTER TABLE clients DROP CONSTRAINT ck_clients_name',
        'ALTER TABLE clients ADD CONSTRAINT ck_clients_name CHECK (length(name) <= 20000)',
      ),
      /^check clients.ck_clients_name is changed: expected CHECK \(length\(name::text\) <= 200\), found .*20000/,
    ],
    [
      'a missing CHECK',
      sql('ALTER TABLE users DROP CONSTRAINT ck_users_role_known'),
      /^check users.ck_users_role_known is missing/,
    ],
    [
      'a column that may be empty',
      sql('ALTER TABLE clients ALTER COLUMN version DROP NOT NULL'),
      /^column clients.version is changed/,
    ],
    [
      'another type',
      sql('ALTER TABLE clients ALTER COLUMN version TYPE bigint'),
      /^column clients.version is changed/,
    ],
    [
      'a default',
      sql('ALTER TABLE clients ALTER COLUMN version SET DEFAULT 1'),
      /^column clients.version is changed: .*DEFAULT 1/,
    ],
    [
      'a changed foreign key',
      sql(
        'ALTER TABLE sessions DROP CONSTRAINT fk_sessions_client_id',
        'ALTER TABLE sessions ADD CONSTRAINT fk_sessions_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE SET NULL',
      ),
      /^constraint sessions.fk_sessions_client_id is changed/,
    ],
    [
      'a key that was never checked',
      sql(
        'ALTER TABLE sessions DROP CONSTRAINT fk_sessions_client_id',
        'ALTER TABLE sessions ADD CONSTRAINT fk_sessions_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE NOT VALID',
      ),
      /^constraint sessions.fk_sessions_client_id is changed: .* NOT VALID$/,
    ],
    [
      'an extra function',
      sql('CREATE FUNCTION extra() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$'),
      /^function extra\(\) is extra/,
    ],
  ],
};

describe('Drift', () => {
  it('is none in a migrated database', async () => {
    expect(await driftAfter(async () => undefined)).toEqual([]);
  });

  it('names what the entities would have otherwise, where the fingerprint agrees', async () => {
    const dataSource = dataSourceOf(await freshDatabase(), {
      role: 'migrator',
      entities: [...entities, Unborn],
    });
    expect(await findDrift(await dataSource.initialize())).toEqual([
      expect.stringMatching(/^the entities would have it otherwise: CREATE TABLE "unborn"/),
    ]);
  });

  it.each([...onBoth, ...planted[dialect()]])('names %s', async (_what, plant, named) => {
    expect(await driftAfter(plant)).toContainEqual(expect.stringMatching(named));
  });
});
