import { newId } from '../src/common/ids.js';
import { startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

const TITLE = 'Sales </text><script>alert(1)</script> & "more"';

describe('the chart', () => {
  let app: TestApp;
  let viewer: Session;
  let client: Account;
  let demo: Reply['body'];

  beforeAll(async () => {
    app = await startApp({ at: '2026-11-10T10:00:00.000Z' });
    demo = await app.createDemo({ title: TITLE });
    client = await app.createClient({ name: 'Ana São João', accessDays: 60 });
    await app.grant(client.id, demo.id);
    const session = await client.signIn();
    for (let turn = 0; turn < 3; turn += 1) {
      const { body } = await session.post(`/demos/${demo.id}/open`);
      await app.clock.advance(200_000);
      await session.post(`/demo-sessions/${body.demoSessionId}/close`);
    }
    await app.clock.set('2026-11-21T12:00:00.000Z');
    viewer = await (await app.createUser()).signIn();
  });

  const draw = async (query: Record<string, string> = {}): Promise<string> => {
    const { status, headers, text } = await viewer.get('/analytics/chart.svg', { query });
    expect([status, headers['content-type']]).toEqual([200, 'image/svg+xml']);
    expect(text).toMatch(/^<svg [^]*<\/svg>\s*$/);
    expect(text).not.toMatch(/<script|<foreignObject|\son\w+=|javascript:|href=/i);
    return text;
  };
  /** What can be read in it. */
  const texts = (svg: string): string[] =>
    [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
  /** How many bars stand out of the axis. */
  const bars = (svg: string): number =>
    [...svg.matchAll(/<path d="([^"]*)"[^>]*ecmeta_series_index/g)].filter(([, d]) => !/l0 -?0l/.test(d!))
      .length;

  it('has a title, its period, axes and a bar a bucket', async () => {
    const svg = await draw();
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'Opens of demos',
        '2026-10-23 to 2026-11-21, by day, UTC',
        'opens',
        '0',
        '3',
        '2026-10-23',
      ]),
    );
    expect(bars(svg)).toBe(1);
  });

  it('shows each metric in a unit that can be read', async () => {
    expect(texts(await draw({ metric: 'uniqueClients' }))).toEqual(
      expect.arrayContaining(['Clients who opened a demo', 'clients', '1']),
    );
    expect(texts(await draw({ metric: 'durationSeconds' }))).toEqual(
      expect.arrayContaining(['Time in demos', 'minutes', '10']),
    );
  });

  it('says what it is about, and takes no markup from it', async () => {
    const svg = await draw({
      demoId: demo.id,
      clientId: client.id,
      bucket: 'month',
      from: '2026-06-01T00:00:00Z',
    });
    expect(texts(svg)).toContain(
      '2026-06-01 to 2026-11-21, by month, UTC · Sales &lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot; · Ana São João',
    );
    expect(texts(svg)).toEqual(expect.arrayContaining(['2026-06', '2026-11']));
    expect(bars(svg)).toBe(1);
    expect(texts(await draw({ demoId: newId() })).join()).toContain('unknown demo');
  });

  it('is drawn of a thousand buckets', async () => {
    const svg = await draw({ from: '2024-02-26T00:00:00Z', to: '2026-11-22T00:00:00Z' });
    expect(svg.match(/ecmeta_data_index/g)).toHaveLength(1000);
    expect(texts(svg).length).toBeLessThan(60);
  });

  it.each([
    ['metric=clients', 'metric'],
    ['bucket=year', 'bucket'],
    ['demoId=x', 'demoId'],
    ['clientId=x', 'clientId'],
    ['from=2026-11-21', 'from'],
    ['from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z', 'to'],
    ['from=2020-01-01T00:00:00Z', 'from'],
    ['width=5', 'width'],
  ])('refuses %s', async (query, field) => {
    expectProblem(await viewer.get(`/analytics/chart.svg?${query}`), 400, 'validation', field);
  });

  it('is for users alone', async () => {
    expectProblem(await app.get('/analytics/chart.svg'), 401, 'unauthenticated');
    expectProblem(await (await client.signIn()).get('/analytics/chart.svg'), 403, 'forbidden');
  });
});
