/** PostgreSQL's roles: what each may do and what is refused, and that the product needs no more than its own. */
import pg from 'pg';
import { releasedSchema } from '../src/database/released-schema.js';
import { secretColumns } from '../src/database/postgres/grants.js';
import { jobNames } from '../src/jobs/job-names.js';
import { answered, runCli, startApp, type TestApp } from './support/app.js';
import { dialect, freshDatabase, type TestDatabase } from './support/database.js';
import { makeRoles, type RoleUrls } from './support/roles.js';

const migrate = (database: TestDatabase, url: string) =>
  runCli(['migrate', 'up'], {
    env: { DATABASE_URL: url, NODE_ENV: 'production' },
    cwd: database.folder,
  });

if (dialect() === 'sqlite') {
  describe('roles', () => {
    it('are of no concern to SQLite', async () => {
      const database = await freshDatabase({ migrated: false });
      const { code, stderr } = await migrate(database, database.url);
      expect(code).toBe(0);
      expect(stderr).not.toContain('Granted');
    });
  });
} else {
  let database: TestDatabase;
  let urls: RoleUrls;

  beforeAll(async () => {
    database = await freshDatabase({ migrated: false });
    urls = await makeRoles(database);
    const migrated = await migrate(database, urls.owner);
    expect(migrated).toMatchObject({ code: 0 });
    expect(migrated.stderr).toContain('Granted their rights to ecatalog_app and ecatalog_monitor');
  });

  describe('the roles', () => {
    const open: pg.Client[] = [];
    afterAll(() => Promise.all(open.map((client) => client.end())));

    const as = async (role: keyof RoleUrls): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: urls[role] });
      await client.connect();
      open.push(client);
      return client;
    };
    /** What became of a statement: `ok`, or the code of its error. Nothing stays. */
    const tried = async (client: pg.Client, sql: string): Promise<string> => {
      await client.query('BEGIN');
      try {
        await client.query(sql);
        return 'ok';
      } catch (error) {
        return (error as pg.DatabaseError).code ?? String(error);
      } finally {
        await client.query('ROLLBACK');
      }
    };
    const REFUSED = '42501';

    it('the owner owns the schema, and none is more than it must be', async () => {
      const owners = await database.sql<{ owner: string }>(
        `SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'public'`,
      );
      expect(owners).toEqual([{ owner: 'ecatalog_owner' }]);
      const roles = await database.sql(
        `SELECT rolname FROM pg_roles WHERE rolname LIKE 'ecatalog_%'
           AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)`,
      );
      expect(roles).toEqual([]);
    });

    it('the application reads and writes rows', async () => {
      const app = await as('app');
      const tables = await database.sql<{ name: string }>(
        `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
      );
      expect(tables.length).toBeGreaterThan(25);
      for (const { name } of tables) {
        const rights = await app.query<{ right: string }>(
          `SELECT r AS right FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) r
           WHERE has_table_privilege($1, r)`,
          [`"${name}"`],
        );
        const expected =
          name === 'audit_log'
            ? ['SELECT', 'INSERT']
            : name === 'migrations'
              ? ['SELECT']
              : ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
        expect({ name, rights: rights.rows.map(({ right }) => right) }).toEqual({ name, rights: expected });
      }
      expect(await tried(app, 'SELECT * FROM v_active_clients')).toBe('ok');
    });

    it.each([
      'UPDATE audit_log SET reason = NULL',
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
      'DROP TRIGGER tr_audit_log_no_change ON audit_log',
      'ALTER TABLE audit_log DISABLE TRIGGER ALL',
      `SET session_replication_role = replica`,
      'TRUNCATE clients',
      'DROP TABLE demos',
      'ALTER TABLE demos ADD COLUMN more text',
      'CREATE TABLE more (id integer)',
      'CREATE TEMPORARY TABLE more (id integer)',
      'CREATE INDEX more ON demos (title)',
      'CREATE VIEW more AS SELECT 1',
      'CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$',
      'CREATE SCHEMA more',
      'DELETE FROM migrations',
      'CREATE ROLE more',
      `ALTER ROLE ecatalog_monitor SUPERUSER`,
      'SET ROLE ecatalog_owner',
      `COPY clients TO PROGRAM 'true'`,
    ])('the application is refused: %s', async (sql) => {
      expect(await tried(await as('app'), sql)).toMatch(new RegExp(`^(${REFUSED}|0LP01)$`));
    });

    it('the application has nothing to hand on', async () => {
      // PostgreSQL warns where nothing could be granted.
      await (await as('app')).query('GRANT SELECT ON clients TO PUBLIC');
      const [row] = await database.sql<{ granted: boolean }>(
        `SELECT has_table_privilege('public', 'clients', 'SELECT') AS granted`,
      );
      expect(row?.granted).toBe(false);
    });

    it('monitoring reads', async () => {
      const monitor = await as('monitor');
      expect(await tried(monitor, 'SELECT count(*) FROM clients')).toBe('ok');
      expect(await tried(monitor, 'SELECT * FROM audit_log')).toBe('ok');
      expect(await tried(monitor, 'SELECT email_key, password_changed_at FROM credentials')).toBe('ok');
      expect(await tried(monitor, 'SELECT * FROM v_client_usage_stats')).toBe('ok');
      expect(await tried(monitor, 'SELECT query FROM pg_stat_activity')).toBe('ok');
      expect(await tried(monitor, 'SELECT sum(size) FROM pg_ls_waldir()')).toBe('ok');
    });

    it('monitoring does not read what signs somebody in', async () => {
      const monitor = await as('monitor');
      for (const [table, columns] of Object.entries(secretColumns)) {
        for (const column of columns)
          expect([table, column, await tried(monitor, `SELECT "${column}" FROM "${table}"`)]).toEqual([
            table,
            column,
            REFUSED,
          ]);
        expect([table, await tried(monitor, `SELECT * FROM "${table}"`)]).toEqual([table, REFUSED]);
      }
    });

    it('no column that is named like a secret is forgotten', () => {
      const columns = Object.keys(releasedSchema.fingerprint('postgres'))
        .filter((key) => /^column /.test(key))
        .map((key) => key.slice('column '.length));
      expect(columns.length).toBeGreaterThan(100);
      const suspicious = columns.filter((column) =>
        /hash|secret|token|passw|code|content$/.test(column.split('.')[1]!),
      );
      const listed = Object.entries(secretColumns).flatMap(([table, names]) =>
        names.map((name) => `${table}.${name}`),
      );
      // The chain's hash is no secret: it is what an auditor compares.
      const open = ['audit_log.hash', 'credentials.password_changed_at'];
      expect(suspicious.filter((column) => !listed.includes(column) && !open.includes(column))).toEqual([]);
      expect(listed.filter((column) => !columns.includes(column))).toEqual([]);
    });

    it.each([
      `UPDATE clients SET name = 'x'`,
      "INSERT INTO system_config (key, version, created_at, updated_at) VALUES ('x', 1, now(), now())",
      'DELETE FROM demos',
      'TRUNCATE jobs',
      'CREATE TABLE more (id integer)',
      'SET ROLE ecatalog_app',
    ])('monitoring is refused: %s', async (sql) => {
      // 25006: its transactions are read-only.
      expect(await tried(await as('monitor'), sql)).toMatch(new RegExp(`^(${REFUSED}|25006)$`));
      expect(await tried(await as('monitor'), `SET TRANSACTION READ WRITE; ${sql}`)).toBe(REFUSED);
    });

    it('nobody else is let in', async () => {
      const [row] = await database.sql<{ allowed: boolean }>(
        `SELECT has_database_privilege('public', current_database(), 'CONNECT') AS allowed`,
      );
      expect(row?.allowed).toBe(false);
    });

    it('a right that was given by hand is taken away by the next migration, and a new table is covered', async () => {
      const owner = await as('owner');
      await owner.query(
        'GRANT UPDATE ON audit_log TO ecatalog_app; GRANT SELECT ON credentials TO ecatalog_monitor',
      );
      await owner.query('CREATE TABLE a_new_table (id integer GENERATED BY DEFAULT AS IDENTITY)');
      const { stderr } = await migrate(database, urls.owner);
      expect(stderr).toContain('Granted');
      expect(await tried(await as('app'), 'UPDATE audit_log SET reason = NULL')).toBe(REFUSED);
      expect(await tried(await as('monitor'), 'SELECT password_hash FROM credentials')).toBe(REFUSED);
      expect(await tried(await as('app'), 'INSERT INTO a_new_table DEFAULT VALUES')).toBe('ok');
      expect(await tried(await as('monitor'), 'SELECT * FROM a_new_table')).toBe('ok');
      await owner.query('DROP TABLE a_new_table');
      expect((await migrate(database, urls.owner)).code).toBe(0);
    });

    it('the script may be run again, and takes over a catalog that somebody else has migrated', async () => {
      await makeRoles(database);
      const old = await freshDatabase();
      const theirs = await makeRoles(old);
      const { code, stderr } = await migrate(old, theirs.owner);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const owners = await old.sql<{ owner: string }>(
        `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class c
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')`,
      );
      expect(owners).toEqual([{ owner: 'ecatalog_owner' }]);
      const verified = await runCli(['schema', 'verify'], {
        env: { DATABASE_URL: theirs.owner, NODE_ENV: 'production' },
        cwd: old.folder,
      });
      expect(verified).toMatchObject({ code: 0 });
    });
  });

  describe('the product as the application role', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await startApp({
        database,
        env: { DATABASE_URL: urls.app, DATABASE_MIGRATION_URL: urls.owner, JOBS_TICK_MS: '100' },
      });
    });

    it('serves all that people do', async () => {
      const admin = await app.admin();
      const client = await app.createClient();
      const demo = await app.createDemo();
      await app.grant(client.id, demo.id);
      const ana = await client.signIn();
      const opened = (await answered(201, ana.post(`/demos/${demo.id}/open`))).body;
      await answered(204, ana.post(`/demo-sessions/${opened.demoSessionId}/heartbeat`));
      await answered(200, ana.post(`/demo-sessions/${opened.demoSessionId}/close`));
      await answered(200, admin.post(`/clients/${client.id}/renew`, { days: 10 }));
      await answered(200, admin.get('/analytics/overview'));
      await answered(200, admin.get('/clients', { query: { search: 'a' } }));
      await answered(200, admin.post(`/clients/${client.id}/revoke`, { reason: 'Over' }));
      await answered(204, admin.delete(`/demos/${demo.id}`, { ifMatch: '*' }));
      await answered(200, admin.get('/audit'));
      expect((await answered(200, admin.get('/audit/verify'))).body.valid).toBe(true);
      expect((await app.raw('GET', '/health/database')).status).toBe(200);
    });

    it.each(jobNames)('does the background job %s', async (name) => {
      expect(await app.cli(['--json', 'jobs', 'run', name])).toMatchObject({ code: 0, json: { name } });
    });

    it.each([
      'audit verify',
      'doctor',
      'backup create --portable',
      'admin create --email second@example.com --name Second',
      'schema verify',
      'migrate up',
    ])('runs `ecatalog %s`', async (command) => {
      const ran = await app.cli(command.split(' '), { env: { BACKUP_DIR: database.folder } });
      expect(ran).toMatchObject({ code: 0 });
    });

    it('needs nothing that its role has not', async () => {
      await app.flushLogs();
      expect(app.output).not.toMatch(/42501|permission denied/);
    });
  });
}
