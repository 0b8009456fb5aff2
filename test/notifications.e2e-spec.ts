import { startApp, type Session, type TestApp } from './support/app.js';
import { newPassword } from './support/inputs.js';
import { expectProblem } from './support/http.js';

const DAY = 86_400_000;

/** Changes the password of the session's account, which is told in its inbox. */
async function changePassword(session: Session, currentPassword: string): Promise<string> {
  const password = newPassword();
  const { status } = await session.post('/auth/password', { currentPassword, newPassword: password });
  expect(status).toBe(204);
  return password;
}

describe('the inbox', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('is in the language of the account, unread until read', async () => {
    const english = await app.createClient({ language: 'en' });
    const portuguese = await app.createUser({ language: 'pt' });
    for (const account of [english, portuguese])
      await changePassword(await account.signIn(), account.password).then(
        (password) => (account.password = password),
      );
    const [en, pt] = [
      await app.signIn(english.email, english.password),
      await app.signIn(portuguese.email, portuguese.password),
    ];
    const { body } = await en.get('/notifications');
    expect(body).toEqual({
      items: [
        {
          id: expect.any(String),
          kind: 'password-changed',
          title: 'Your password was changed',
          text: expect.stringMatching(/changed on \d+ \w+ \d{4} at \d\d:\d\d UTC/),
          createdAt: expect.stringMatching(/Z$/),
          readAt: null,
        },
      ],
      nextCursor: null,
      total: 1,
    });
    const theirs = (await pt.get('/notifications')).body.items[0];
    expect(theirs.title).toBe('A sua palavra-passe foi alterada');

    // Somebody else's line is as unknown as one that is not there.
    expectProblem(await en.post(`/notifications/${theirs.id}/read`), 404, 'not-found');
    expectProblem(await en.post(`/notifications/${english.id}/read`), 404, 'not-found');
    expectProblem(await en.post('/notifications/nonsense/read'), 404, 'not-found');
    expect((await pt.get('/notifications', { query: { unread: true } })).body.total).toBe(1);

    const path = `/notifications/${body.items[0].id}/read`;
    expect((await en.post(path)).status).toBe(204);
    const read = (await en.get('/notifications')).body.items[0].readAt;
    expect(read).not.toBeNull();
    expect((await en.post(path)).status).toBe(204);
    expect((await en.get('/notifications', { query: { unread: false } })).body.items[0].readAt).toBe(read);
    expect((await en.get('/notifications', { query: { unread: true } })).body.items).toEqual([]);
  });

  it('keeps the conventions of lists, and read-all reads the own lines only', async () => {
    const account = await app.createUser();
    const other = await app.createUser();
    let session = await account.signIn();
    let { password } = account;
    for (let count = 0; count < 3; count += 1) {
      password = await changePassword(session, password);
      session = await app.signIn(account.email, password);
    }
    const theirs = await other.signIn();
    await changePassword(theirs, other.password);

    const first = (await session.get('/notifications', { query: { limit: 2 } })).body;
    expect(first.items).toHaveLength(2);
    expect(first.total).toBe(3);
    const second = (await session.get('/notifications', { query: { limit: 2, cursor: first.nextCursor } }))
      .body;
    expect(second.items).toHaveLength(1);
    const times = [...first.items, ...second.items].map(({ createdAt }: { createdAt: string }) => createdAt);
    expect(times).toEqual([...times].sort().reverse());
    expectProblem(
      await session.get('/notifications', { query: { unread: 'perhaps' } }),
      400,
      'validation',
      'unread',
    );
    expectProblem(
      await session.get('/notifications', { query: { sort: 'kind' } }),
      400,
      'validation',
      'sort',
    );
    expectProblem(await app.get('/notifications'), 401, 'unauthenticated');

    expect((await session.post('/notifications/read-all')).status).toBe(204);
    expect((await session.get('/notifications', { query: { unread: true } })).body.total).toBe(0);
    expect((await theirs.get('/notifications', { query: { unread: true } })).body.total).toBe(1);
  });

  it('is open to a client whose access has ended', async () => {
    const client = await app.createClient({ accessDays: 5, language: 'pt' });
    await app.clock.advance(6 * DAY);
    const session = await client.signIn();
    await changePassword(session, client.password);
    const { status, body } = await session.get('/notifications');
    expect(status).toBe(200);
    expect((await session.post(`/notifications/${body.items[0].id}/read`)).status).toBe(204);
    expect((await session.post('/notifications/read-all')).status).toBe(204);
    await app.clock.reset();
  });

  it('is gone with the person', async () => {
    const client = await app.createClient();
    await changePassword(await client.signIn(), client.password);
    const lines = () => app.sql('SELECT id FROM notifications WHERE client_id = ?', [client.id]);
    expect(await lines()).toHaveLength(1);
    const admin = await app.admin();
    expect((await admin.delete(`/clients/${client.id}`, { ifMatch: '*' })).status).toBe(204);
    expect(await lines()).toEqual([]);
  });

  it('is not audited', async () => {
    const account = await app.createUser();
    const session = await account.signIn();
    await changePassword(session, account.password);
    const admin = await app.admin();
    const newest = async () => (await admin.get('/audit', { query: { limit: 1 } })).body.items[0].id;
    const before = await newest();
    await session.get('/notifications');
    await session.post('/notifications/read-all');
    expect(await newest()).toBe(before);
  });
});
