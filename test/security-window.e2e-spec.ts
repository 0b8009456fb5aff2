/** Access ends with its instant or its revocation, whatever else happens at that moment (quality.md, Security 4 and 5; Faults 17). */
import { startApp, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';
import { newPassword } from './support/inputs.js';

describe.each(['UTC', 'Pacific/Kiritimati', 'America/St_Johns'])('in a process of time zone %s', (TZ) => {
  it('the access window is [start, end) to the millisecond', async () => {
    // On this day the clocks of St John's skip an hour.
    const [start, end] = ['2031-03-09T05:29:59.500Z', '2031-03-09T06:00:00.001Z'];
    const app = await startApp({ env: { TZ }, at: '2031-03-01T00:00:00.000Z' });
    const client = await app.createClient({
      accessDays: undefined,
      accessStartsAt: start,
      accessEndsAt: end,
    });
    expect(client.body).toMatchObject({ accessStartsAt: start, accessEndsAt: end, status: 'scheduled' });
    const at = (instant: string, milliseconds: number) =>
      app.clock.set(new Date(Date.parse(instant) + milliseconds));

    await at(start, -60_000);
    let session = await client.signIn();
    await at(start, -1);
    expectProblem(await session.get('/demos'), 403, 'access-not-started');
    await at(start, 0);
    expect((await session.get('/demos')).status).toBe(200);

    await at(end, -60_000);
    session = await client.signIn();
    await at(end, -1);
    expect((await session.get('/demos')).status).toBe(200);
    expect((await session.get('/auth/me')).body.access.status).toBe('active');
    await at(end, 0);
    expectProblem(await session.get('/demos'), 403, 'access-expired');
    const { body } = await app.post('/auth/refresh', { refreshToken: session.refreshToken });
    expect(body.account.access).toEqual({ status: 'expired', startsAt: start, endsAt: end });
    expectProblem(await app.get('/demos', { token: body.accessToken }), 403, 'access-expired');
    const { items } = (await (await app.admin()).get('/clients', { query: { status: 'expired' } })).body;
    expect(items).toMatchObject([{ id: client.id, accessEndsAt: end, status: 'expired' }]);
  });
});

describe('a revocation', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('binds the next request, the refresh too, and is not undone for old sessions', async () => {
    const client = await app.createClient();
    const admin = await app.admin();
    const session = await client.signIn();
    await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
      401,
      'unauthenticated',
    );
    await admin.post(`/clients/${client.id}/reinstate`);
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
      401,
      'unauthenticated',
    );
    await client.signIn();
  });

  it('of a person, by erasing, leaves nothing to sign in with', async () => {
    const client = await app.createClient();
    const session = await client.signIn();
    expect((await (await app.admin()).delete(`/clients/${client.id}`, { ifMatch: '*' })).status).toBe(204);
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
      401,
      'unauthenticated',
    );
    const { email, password } = client;
    expectProblem(await app.post('/auth/login', { email, password }), 401, 'invalid-credentials');
  });

  it('ends the sessions that begin beside it', async () => {
    const admin = await app.admin();
    for (let round = 0; round < 6; round += 1) {
      const client = await app.createClient();
      const { email, password } = client;
      const signIns = Array.from({ length: 6 }, () => app.post('/auth/login', { email, password }));
      await signIns[round % 3];
      await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
      const replies = await Promise.all(signIns);
      await admin.post(`/clients/${client.id}/reinstate`);
      for (const { status, body } of replies) {
        expect([200, 403]).toContain(status);
        if (status === 200)
          expectProblem(await app.get('/auth/me', { token: body.accessToken }), 401, 'unauthenticated');
      }
    }
  });

  it('of a password does so, too', async () => {
    for (let round = 0; round < 6; round += 1) {
      const client = await app.createClient();
      const { email, password } = client;
      const session = await client.signIn();
      const newOne = newPassword();
      const signIns = Array.from({ length: 6 }, () => app.post('/auth/login', { email, password }));
      const changed = await session.post('/auth/password', {
        currentPassword: password,
        newPassword: newOne,
      });
      expect(changed.status).toBe(204);
      for (const { status, body } of await Promise.all(signIns)) {
        expect([200, 401]).toContain(status);
        if (status === 200)
          expectProblem(await app.get('/auth/me', { token: body.accessToken }), 401, 'unauthenticated');
      }
      expect((await session.get('/auth/me')).status).toBe(200);
      await app.signIn(email, newOne);
    }
  });

  it('on one replica binds the next request on the other', async () => {
    if (app.dialect === 'sqlite') return; // One process a SQLite file.
    const second = await startApp({ database: app.database, env: { JWT_SECRET: app.env.JWT_SECRET } });
    const admin = await app.admin();
    const client = await app.createClient();
    const { accessToken: token, refreshToken } = await client.signIn();
    expect((await second.get('/auth/me', { token })).status).toBe(200);
    await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
    expectProblem(await second.get('/auth/me', { token }), 401, 'unauthenticated');
    expectProblem(await second.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
  });
});
