/**
 * Expand, then contract: the previous release runs on the schema of this one, as its pods do during a roll-out and
 * after a roll-back. test/support/release.mjs says where it comes from.
 */
import { dirname } from 'node:path';
import { answered, startApp, until, type Session, type TestApp } from '../support/app.js';
import { dialect, freshDatabase, newFolder, type TestDatabase } from '../support/database.js';
import { clientInput, demoInput } from '../support/inputs.js';
import { expectProblem } from '../support/http.js';
import { buildRelease, previousRelease } from '../support/release.mjs';
import { releasedSchema } from '../../src/database/released-schema.js';

const previous = previousRelease();
const known = releasedSchema.migrations.map(({ name }) => name);

/** Everyday work, through the HTTP API of whichever release serves. */
async function everydayWork(app: TestApp): Promise<void> {
  const admin = await app.admin();
  const account = await app.createClient();
  const demo = await app.createDemo();
  await app.grant(account.id, demo.id);
  const client = await account.signIn();
  expect((await answered(200, client.get('/demos'))).body.items).toContainEqual(
    expect.objectContaining({ id: demo.id, granted: true }),
  );
  const opened = await answered(201, client.post(`/demos/${demo.id}/open`));
  await answered(204, client.post(`/demo-sessions/${opened.body.demoSessionId}/heartbeat`));
  await answered(200, client.post(`/demo-sessions/${opened.body.demoSessionId}/close`));
  await answered(201, admin.post('/demos', demoInput()));
  const found = await answered(200, admin.get('/clients', { query: { search: account.email } }));
  expect(found.body.items).toEqual([expect.objectContaining({ id: account.id })]);
  await answered(200, admin.get('/analytics/overview'));
  await answered(200, admin.post(`/clients/${account.id}/revoke`, { reason: 'The evaluation is over' }));
  expectProblem(await client.get('/auth/me'), 401, 'unauthenticated');
  expect((await answered(200, admin.get('/audit/verify'))).body).toMatchObject({ valid: true });
}

describe(`the previous release (${previous})`, () => {
  let release: string;
  let database: TestDatabase;
  let old: TestApp;

  beforeAll(async () => {
    // In the folder of the run, where the suite of the other database finds it built.
    release = await buildRelease(previous, dirname(newFolder()));
    database = await freshDatabase();
    old = await startApp({ database, release });
  });

  it('is ready on a schema that is ahead of it, and says that it is', async () => {
    expect((await old.raw('GET', '/health/ready')).status).toBe(200);
    const { body } = await old.raw('GET', '/health/database', undefined, {
      token: (await old.admin()).accessToken,
    });
    expect(body.details.details).toMatchObject({ aheadOfThisRelease: true, pendingMigrations: 0 });
    const status = await old.cli(['--json', 'migrate', 'status']);
    expect(status).toMatchObject({ code: 0, json: { pending: [] } });
    const { applied, ahead } = status.json as { applied: string[]; ahead: string[] };
    expect([...applied, ...ahead]).toEqual(known);
    expect(ahead.length).toBeGreaterThan(0);
    await old.flushLogs();
    expect(old.logs).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: expect.stringContaining('A newer release migrated') }),
    );
  });

  it('works there: sign in, list, create a demo, grant, open, revoke', () => everydayWork(old));

  it('leaves the schema alone, and its `migrate up` succeeds with a warning', async () => {
    if (old.dialect === 'sqlite') expect(await old.stop()).toBe(0);
    const up = await old.cli(['migrate', 'up']);
    expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining('ahead of this release') });
    const { env } = old;
    const app = await startApp({ database, env });
    expect(await app.cli(['--json', 'schema', 'verify'])).toMatchObject({ code: 0, json: { valid: true } });
    await everydayWork(app);
    expect(await app.stop()).toBe(0);
  });

  it('refuses a schema that is behind, as this release does, until it is migrated', async () => {
    const empty = await freshDatabase({ migrated: false });
    const older = await startApp({ database: empty, release, ready: false });
    const newer = await startApp({
      database: empty.dialect === 'sqlite' ? await freshDatabase({ migrated: false }) : empty,
      ready: false,
      env: { JWT_SECRET: older.env.JWT_SECRET, ADMIN_PASSWORD: older.env.ADMIN_PASSWORD },
    });
    for (const app of [older, newer]) {
      expect((await app.raw('GET', '/health/ready')).status).toBe(503);
      expect((await app.raw('GET', '/health/live')).status).toBe(200);
      const status = await app.cli(['--json', 'migrate', 'status']);
      expect(status).toMatchObject({ code: 0, json: { applied: [], ahead: [] } });
    }
    // The old release's migrations are too few for the new one, and enough for the old one.
    await until(async () => (await older.cli(['migrate', 'up'])).code === 0);
    await older.untilReady();
    if (newer.dialect === 'sqlite') return;
    expect((await newer.raw('GET', '/health/ready')).status).toBe(503);
    expect(await newer.cli(['migrate', 'up'])).toMatchObject({ code: 0 });
    await newer.untilReady();
    await older.untilReady();
  });

  if (dialect() === 'postgres')
    it('serves beside this release during a roll-out: what one writes binds the other', async () => {
      const { database: shared, env } = old;
      const app = await startApp({ database: shared, env });
      const account = await app.createClient();
      const client = await account.signIn();
      const there = (session: Session) => old.get('/auth/me', { token: session.accessToken });
      expect((await there(client)).status).toBe(200);
      await answered(200, (await app.admin()).post(`/clients/${account.id}/revoke`, { reason: 'Over' }));
      expectProblem(await there(client), 401, 'unauthenticated');

      const other = await answered(201, (await old.admin()).post('/clients', clientInput()));
      const body = { days: 3 };
      await answered(200, (await app.admin()).post(`/clients/${other.body.id}/renew`, body));
      await answered(200, (await old.admin()).post(`/clients/${other.body.id}/renew`, body));
      for (const either of [app, old])
        expect((await answered(200, (await either.admin()).get('/audit/verify'))).body).toMatchObject({
          valid: true,
        });
    });
});
