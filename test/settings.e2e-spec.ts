import { startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

/** As api.md has them. */
const DEFAULTS = {
  'access.defaultDays': 30,
  'access.maxDaysAhead': 365,
  'renewal.maxDays': 90,
  'renewal.autoApproveDays': 0,
  'renewal.autoApproveTimes': 1,
  'reminder.daysBefore': [7, 1],
  'session.accessMinutes': 15,
  'session.refreshDays': 14,
  'session.absoluteDays': 30,
  'auth.lockAfter': 10,
  'auth.lockMinutes': 15,
  'auth.requireTotp': false,
  'invitation.days': 7,
  'passwordReset.minutes': 60,
  'demoSession.activationMinutes': 5,
  'demoSession.idleMinutes': 30,
  'demoSession.maxMinutes': 480,
  'demoSession.maxLivePerClient': 5,
  'demoSession.maxLivePerDemo': 50,
  'demoSession.maxLive': 500,
  'launch.containerUrlTemplate': null,
  'retention.usageEventDays': null,
  'retention.signInDays': 90,
  'log.slowQueryMs': 200,
};

describe('settings', () => {
  let app: TestApp;
  let admin: Session;
  let viewer: Session;

  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    viewer = await (await app.createUser({ role: 'viewer' })).signIn();
  });

  const read = async (key: string, caller = viewer): Promise<Reply['body']> => {
    const { body } = await caller.get('/settings');
    return body.items.find((item: { key: string }) => item.key === key);
  };
  const changes = async (key: string): Promise<Reply['body'][]> => {
    const query = { action: 'setting.changed', entityType: 'setting', entityId: key };
    return (await viewer.get('/audit', { query })).body.items;
  };

  it('are all there from the first start, each with its default and version 1', async () => {
    const { status, body } = await viewer.get('/settings');
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['items']);
    expect(body.items).toEqual(
      Object.entries(DEFAULTS).map(([key, value]) => ({
        key,
        value,
        default: value,
        version: 1,
        description: expect.stringMatching(/\.$/),
      })),
    );
  });

  it('are changed by an administrator, with the row as the answer and one audit entry', async () => {
    const reply = await admin.patch('/settings/access.defaultDays', { value: 45 }, { ifMatch: 1 });
    expect(reply.status).toBe(200);
    expect(reply.headers.etag).toBe('"2"');
    expect(reply.body).toMatchObject({ key: 'access.defaultDays', value: 45, default: 30, version: 2 });
    expect(await read('access.defaultDays')).toEqual(reply.body);
    expect(await changes('access.defaultDays')).toEqual([
      expect.objectContaining({
        actor: { kind: 'user', id: admin.account.id },
        before: { value: 30 },
        after: { value: 45 },
      }),
    ]);
    const back = await admin.patch('/settings/access.defaultDays', { value: 30 }, { ifMatch: '*' });
    expect(back.body).toMatchObject({ value: 30, version: 3 });
  });

  it.each<[keyof typeof DEFAULTS, unknown[]]>([
    ['auth.requireTotp', [false]],
    ['reminder.daysBefore', [[14, 7, 1], [], [7, 1]]],
    ['launch.containerUrlTemplate', ['https://{slug}.demos.example.com/{demoSessionId}', null]],
    ['retention.usageEventDays', [400, null]],
    ['log.slowQueryMs', [1, 600_000]],
  ])('%s keeps what it is given', async (key, values) => {
    for (const value of values) {
      expect((await admin.patch(`/settings/${key}`, { value }, { ifMatch: '*' })).status).toBe(200);
      expect((await read(key)).value).toEqual(value);
    }
  });

  it.each<[string, unknown]>([
    ['access.defaultDays', 0],
    ['access.defaultDays', '30'],
    ['access.defaultDays', 30.5],
    ['access.defaultDays', null],
    ['access.defaultDays', [30]],
    ['access.defaultDays', { value: 30 }],
    ['access.defaultDays', 1e9],
    ['auth.requireTotp', 'true'],
    ['reminder.daysBefore', 7],
    ['reminder.daysBefore', [7, 7]],
    ['reminder.daysBefore', [7, null]],
    ['launch.containerUrlTemplate', 'javascript:alert(1)'],
    ['launch.containerUrlTemplate', 'https://demos.example.com/{user}'],
    ['retention.usageEventDays', 0],
  ])('%s refuses %j', async (key, value) => {
    const before = await read(key);
    expectProblem(
      await admin.patch(`/settings/${key}`, { value }, { ifMatch: '*' }),
      400,
      'validation',
      'value',
    );
    expect(await read(key)).toEqual(before);
  });

  it('refuse a body that is no new value', async () => {
    const patch = (body: unknown) => admin.patch('/settings/invitation.days', body, { ifMatch: '*' });
    expectProblem(await patch({}), 400, 'validation', 'value');
    expectProblem(await patch(undefined), 400, 'validation', 'value');
    expectProblem(await patch({ value: 5, version: 9 }), 400, 'validation', 'version');
    expectProblem(await patch({ value: 5, key: 'auth.lockAfter' }), 400, 'validation', 'key');
    expectProblem(await patch([5]), 400, 'validation');
    expectProblem(await patch('{"value":'), 400, 'validation');
    expect(await read('invitation.days')).toMatchObject({ value: 7, version: 1 });
  });

  it.each(['unknown.key', 'constructor', '__proto__', 'ACCESS.defaultDays'])('%s is none', async (key) => {
    expectProblem(await admin.patch(`/settings/${key}`, { value: 1 }, { ifMatch: 1 }), 404, 'not-found');
  });

  it('need If-Match, and the version that holds', async () => {
    const patch = (ifMatch?: number) => admin.patch('/settings/auth.lockMinutes', { value: 20 }, { ifMatch });
    expectProblem(await patch(), 428, 'precondition-required');
    expectProblem(await patch(2), 412, 'version-mismatch');
    expect((await patch(1)).status).toBe(200);
    expectProblem(await patch(1), 412, 'version-mismatch');
  });

  it('change nothing when the value holds already', async () => {
    const once = await admin.patch('/settings/passwordReset.minutes', { value: 60 }, { ifMatch: 1 });
    expect(once.status).toBe(200);
    expect(once.body.version).toBe(1);
    const list = await admin.patch('/settings/reminder.daysBefore', { value: [7, 1] }, { ifMatch: '*' });
    expect(list.body.version).toBe((await read('reminder.daysBefore')).version);
    expect(await changes('passwordReset.minutes')).toEqual([]);
  });

  it('take one of several changes at once, the first time and later', async () => {
    for (const version of [1, 2]) {
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          admin.patch(
            '/settings/demoSession.maxLive',
            { value: 600 + version * 10 + index },
            { ifMatch: version },
          ),
        ),
      );
      const statuses = replies.map(({ status }) => status).sort();
      expect(statuses).toEqual([200, ...Array<number>(9).fill(412)]);
      const won = replies.find(({ status }) => status === 200)!;
      expect(await read('demoSession.maxLive')).toEqual(won.body);
      expect(won.body.version).toBe(version + 1);
    }
    expect(await changes('demoSession.maxLive')).toHaveLength(2);
  });

  it('are read by viewers, changed by administrators, and no client’s business', async () => {
    const client = await (await app.createClient()).signIn();
    const patch = (caller: Pick<Session, 'patch'>, key: string) =>
      caller.patch(`/settings/${key}`, { value: 1 }, { ifMatch: 1 });
    expectProblem(await app.get('/settings'), 401, 'unauthenticated');
    expectProblem(await client.get('/settings'), 403, 'forbidden');
    expectProblem(await patch(app, 'invitation.days'), 401, 'unauthenticated');
    expectProblem(await patch(viewer, 'invitation.days'), 403, 'forbidden');
    expectProblem(await patch(viewer, 'unknown.key'), 403, 'forbidden');
    expectProblem(await patch(client, 'invitation.days'), 403, 'forbidden');
    expectProblem(await admin.get('/settings/invitation.days'), 405, 'method-not-allowed');
  });
});
