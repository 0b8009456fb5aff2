import { startApp, type Session, type TestApp } from './support/app.js';
import { clientInput, demoInput, imageInput, userInput } from './support/inputs.js';

const TOGETHER = 10;

/** If-Match (RFC 9110, 13.1.1) alike on all that has a version; single tags are with each resource's own suite. */
describe('If-Match: *', () => {
  let app: TestApp;
  let admin: Session;
  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
  });

  /** Where a resource is that was just made, and the version it has then. */
  const made = (path: string, input: () => object) => async () => {
    const { body } = await admin.post(path, input());
    return { url: `${path}/${body.id}`, version: body.version as number };
  };
  const setting = async () => {
    const key = 'invitation.days';
    const { items } = (await admin.get('/settings')).body;
    const { version } = items.find((item: { key: string }) => item.key === key);
    return { url: `/settings/${key}`, version: version as number };
  };

  const entries = async (url: string) => {
    const query = { entityId: url.split('/').pop(), limit: 100 };
    return (await admin.get('/audit', { query })).body.items.length as number;
  };

  it.each<[string, () => Promise<{ url: string; version: number }>, (turn: number) => object]>([
    ['a user', made('/users', userInput), (turn) => ({ name: `User ${turn}` })],
    ['a client', made('/clients', clientInput), (turn) => ({ name: `Client ${turn}` })],
    ['a demo', made('/demos', demoInput), (turn) => ({ summary: `Summary ${turn}` })],
    ['an image', made('/images', imageInput), (turn) => ({ description: `Description ${turn}` })],
    ['a setting that was never changed', setting, (turn) => ({ value: 20 + turn })],
    ['a setting that was changed', setting, (turn) => ({ value: 40 + turn })],
  ])('of many at once on %s all are made, one after the other', async (_, resource, patch) => {
    const { url, version } = await resource();
    const before = await entries(url);
    const changing = Array.from({ length: TOGETHER }, (_, turn) =>
      admin.patch(url, patch(turn), { ifMatch: '*' }),
    );
    const replies = await Promise.all(changing);
    expect(replies.map(({ status }) => status)).toEqual(Array(TOGETHER).fill(200));
    const versions = replies.map(({ body }) => body.version as number).sort((a, b) => a - b);
    expect(versions).toEqual(Array.from({ length: TOGETHER }, (_, turn) => version + 1 + turn));
    expect(await entries(url)).toBe(before + TOGETHER);
  });
});
