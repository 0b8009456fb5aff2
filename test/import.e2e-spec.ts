import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/common/ids.js';
import { startApp, type Session, type TestApp } from './support/app.js';
import { API, expectProblem, type Reply } from './support/http.js';
import { clientInput, imageInput, newPassword, unique } from './support/inputs.js';

const MB = 1024 * 1024;

describe('imports', () => {
  let app: TestApp;
  let admin: Session;

  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
  });

  const send = (what: string, csv: string | Buffer, headers = {}): Promise<Reply> =>
    admin.post(`/${what}`, csv, { headers: { 'content-type': 'text/csv', ...headers } });
  const count = async (table: string): Promise<number> =>
    Number((await app.sql<{ n: unknown }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n);
  /** What an import leaves behind. */
  const state = async (): Promise<number[]> =>
    Promise.all(
      ['clients', 'credentials', 'client_access_changes', 'demos', 'demo_status_changes', 'audit_log'].map(
        count,
      ),
    );
  const at = (reply: Reply): [number, string][] =>
    reply.body.errors.map(({ line, field }: { line: number; field: string }) => [line, field]);

  /** Expects these bad lines, and that nothing came of it, dry or not. */
  async function refused(what: string, csv: string | Buffer, bad: [number, string][]): Promise<Reply> {
    const before = await state();
    const reply = await send(what, csv);
    expectProblem(reply, 400, 'validation');
    expect(at(reply)).toEqual(bad);
    const dry = await send(`${what}?dryRun`, csv);
    expectProblem(dry, 400, 'validation');
    expect(at(dry)).toEqual(bad);
    expect(await state()).toEqual(before);
    return reply;
  }

  describe('of clients', () => {
    it('make every one: all columns, a mark, quoted line breaks, empty lines', async () => {
      const [a, b] = [unique(), unique()];
      const password = newPassword();
      const csv =
        `\ufeffemail,name,company,password,accessStartsAt,accessEndsAt,accessDays,notes,language\r\n` +
        `${a}@example.com, Ana São João ,"Sousa, Lda",${password},,,45,"one\r\ntwo ""three""",pt\r\n` +
        `\r\n,,,,,,,,\r\n` +
        `${b}@example.com,Bea,,,2026-01-01T00:00:00Z,2026-02-01T00:00:00+01:00,,,\r\n`;
      const before = await state();
      const dry = await send('clients/import?dryRun=true', csv);
      expect([dry.status, dry.body]).toEqual([200, { created: 2 }]);
      expect(await state()).toEqual(before);

      const reply = await send('clients/import', csv, { 'content-type': 'text/csv; charset=UTF-8' });
      expect([reply.status, reply.body]).toEqual([200, { created: 2 }]);
      const found = async (search: string): Promise<Reply['body']> =>
        (await admin.get('/clients', { query: { search } })).body.items;
      const [[ana], [bea]] = [await found(a), await found(b)];
      expect(ana).toMatchObject({
        name: 'Ana São João',
        company: 'Sousa, Lda',
        notes: 'one\ntwo "three"',
        language: 'pt',
        status: 'active',
        version: 1,
      });
      expect(Date.parse(ana.accessEndsAt) - Date.parse(ana.accessStartsAt)).toBe(45 * 86_400_000);
      expect(bea).toMatchObject({
        company: null,
        notes: null,
        language: 'en',
        status: 'expired',
        accessEndsAt: '2026-01-31T23:00:00.000Z',
      });
      expect((await app.signIn(`${a}@example.com`, password)).account.id).toBe(ana.id);
      expectProblem(
        await app.post('/auth/login', { email: `${b}@example.com`, password }),
        401,
        'invalid-credentials',
      );
      expect((await admin.post(`/clients/${bea.id}/invitation`)).status).toBe(201);
      expect((await admin.get(`/clients/${ana.id}/access`)).body.status).toBe('active');

      const entries = (await admin.get('/audit', { query: { action: 'client.imported' } })).body.items;
      expect(entries).toHaveLength(1);
      const named = entries[0].after.also.map(({ entityId }: { entityId: string }) => entityId);
      expect(named).toEqual([ana.id, bea.id]);
      for (const secret of [password, 'Ana São', a, 'Sousa', 'three'])
        expect(JSON.stringify(entries)).not.toContain(secret);
      expect((await admin.get('/audit/verify')).body.valid).toBe(true);
    });

    it('name every bad line, and change nothing', async () => {
      const taken = await app.createClient();
      const twice = `${unique()}@example.com`;
      const reply = await refused(
        'clients/import',
        [
          'name,email,accessDays,accessEndsAt,language,password,notes',
          `Good,${unique()}@example.com,30,,,,`,
          'No mail,not-an-address,,,,,',
          `,${unique()}@example.com,,,,,`,
          `Days,${unique()}@example.com,many,,fr,,`,
          `"Line\nbreak",${unique()}@example.com,,,,,"a\nb"`,
          `Taken,${taken.email.toUpperCase()},,,,,`,
          `First,${twice},,,,,`,
          `Again,${twice.toUpperCase()},,,,,`,
          `Both,${unique()}@example.com,30,2026-12-01T00:00:00Z,,,`,
          `Beyond,${unique()}@example.com,20000,,,,`,
          `Weak,${unique()}@example.com,,,,password1234,`,
          `Short,${unique()}@example.com`,
          `Nul,${unique()}@example.com,,,,,a\0b`,
          `Injected,=1+1,,,,,`,
        ].join('\n'),
        [
          [3, 'email'],
          [4, 'name'],
          [5, 'accessDays'],
          [5, 'language'],
          [6, 'name'],
          [9, 'email'],
          [11, 'email'],
          [12, 'accessEndsAt'],
          [12, 'accessDays'],
          [13, 'accessDays'],
          [14, 'password'],
          [15, 'row'],
          [16, 'notes'],
          [17, 'email'],
        ],
      );
      expect(reply.body.detail).toMatch(/^12 bad lines, nothing was changed; line 3: email/);
      expect(reply.body.errors[6].message).toBe('is that of line 10 too');
    });

    it.each<[string, string | Buffer, [number, string][]]>([
      [
        'nothing',
        '',
        [
          [1, 'name'],
          [1, 'email'],
        ],
      ],
      ['an unknown column', 'name,email,role\nA,a@example.com,admin\n', [[1, 'role']]],
      ['demoIds', 'name,email,demoIds\n', [[1, 'demoIds']]],
      ['__proto__', 'name,email,__proto__\n', [[1, '__proto__']]],
      ['a column twice', 'name,email,name\n', [[1, 'name']]],
      ['a missing column', 'name\nA\n', [[1, 'email']]],
      [
        'semicolons',
        'name;email\nA;a@example.com\n',
        [
          [1, 'name;email'],
          [1, 'name'],
          [1, 'email'],
        ],
      ],
      [
        'NUL in the header',
        'name,em\0ail\n',
        [
          [1, 'em\0ail'],
          [1, 'email'],
        ],
      ],
      [
        'Latin 1',
        Buffer.from('name,email\nA,a@example.com\nJo\xe3o,b@example.com\nZ\xe9,c\n', 'latin1'),
        [
          [3, 'row'],
          [4, 'row'],
        ],
      ],
      ['UTF-16', Buffer.from('\ufeffname,email\n', 'utf16le'), [[1, 'row']]],
      [
        'a stray quote',
        'name,email\nA,x\nB"b,b@example.com\nC,c\n',
        [
          [2, 'email'],
          [3, 'row'],
        ],
      ],
      [
        'an open quote',
        'name,email\nA,x\n"B,b@example.com\nC,c@example.com\n',
        [
          [2, 'email'],
          [3, 'row'],
        ],
      ],
    ])('refuse %s', async (_, csv, bad) => {
      await refused('clients/import', csv, bad);
    });

    it('take a header alone, and old line ends', async () => {
      expect((await send('clients/import', 'name,email\n')).body).toEqual({ created: 0 });
      const reply = await send('clients/import', `name,email\rA,${unique()}@example.com\r`);
      expect(reply.body).toEqual({ created: 1 });
    });

    it('take 200 clients at once', async () => {
      const run = unique();
      const rows = Array.from(
        { length: 200 },
        (_, i) => `Client ${i},${run}-${i}@example.com,Company ${i % 7}`,
      );
      const reply = await send('clients/import', ['name,email,company', ...rows].join('\n'));
      expect(reply.body).toEqual({ created: 200 });
      expect((await admin.get('/clients', { query: { search: `${run}-` } })).body.total).toBe(200);
    });

    it.each<[string, Buffer]>([
      ['lines', Buffer.from(`name,email\n${'x\n'.repeat(2.6e6)}`)],
      ['bytes', Buffer.concat([Buffer.from('name,email\n'), Buffer.alloc(5.2e6, '\xff\n', 'latin1')])],
    ])('are not held up by millions of bad %s, nor is anybody else', async (_, csv) => {
      const answer = send('clients/import', csv);
      for (let asked = 0; asked < 5; asked += 1)
        expect((await app.raw('GET', '/health/live', undefined, { timeoutMs: 5000 })).status).toBe(200);
      const reply = await answer;
      expectProblem(reply, 400, 'validation');
      expect(reply.body.errors).toHaveLength(10_000);
      expect(reply.body.detail).toMatch(/^10000 bad lines or more, nothing was changed; line [12]: /);
    });

    it('hash nothing before all is right, and no more than a call can bear', async () => {
      const row = (): string => `A,${unique()}@example.com,${newPassword()}`;
      const before = (await app.stats()).hashes;
      await refused('clients/import', ['name,email,password', row(), 'B,b,'].join('\n'), [[3, 'email']]);
      const rows = Array.from({ length: 102 }, row);
      await refused('clients/import', ['name,email,password', ...rows].join('\n'), [
        [102, 'password'],
        [103, 'password'],
      ]);
      expect((await app.stats()).hashes).toBe(before);
    });

    it('let others write meanwhile, however many they are', async () => {
      const row = (_: unknown, i: number): string => `Client ${i},${unique()}@example.com,Company ${i % 50}`;
      const lines = ['name,email,company', ...Array.from({ length: 20_000 }, row)];
      const before = (await admin.get('/clients')).body.total as number;
      const running = { importing: true };
      const done = send('clients/import', lines.join('\n')).finally(() => (running.importing = false));
      const others: number[] = [];
      while (running.importing) {
        others.push((await admin.post('/clients', clientInput({ password: undefined }))).status);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await done).toMatchObject({ status: 200, body: { created: 20_000 } });
      expect(others.length).toBeGreaterThan(0);
      expect(others).toEqual(Array(others.length).fill(201));
      expect((await admin.get('/clients')).body.total).toBe(before + 20_000 + others.length);
    });

    it('of two at once that want one e-mail, one wins whole', async () => {
      const [mine, ours] = [unique(), unique()];
      const csv = (who: string): string =>
        ['name,email', `A,${ours}@example.com`, `B,${mine}-${who}@example.com`].join('\n');
      const replies = await Promise.all(['a', 'b', 'c'].map((who) => send('clients/import', csv(who))));
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status } of replies) expect([200, 400, 409]).toContain(status);
      expect((await admin.get('/clients', { query: { search: mine } })).body.total).toBe(1);
    });
  });

  describe('of demos', () => {
    const link = (path: string): string =>
      `"{""kind"":""link"",""url"":""https://demo.example.com/${path}""}"`;

    it('make drafts, each with a slug of its own', async () => {
      const title = `Fleet ${unique()}`;
      const slug = title.toLowerCase().replace(' ', '-');
      const image = (await admin.post('/images', imageInput())).body.id as string;
      await app.createDemo({ title });
      const container = JSON.stringify({
        kind: 'container',
        imageId: image,
        port: 80,
        env: { KEY: 'hidden' },
      });
      const csv = [
        'title,summary,description,category,tags,docsUrl,thumbnailUrl,launch',
        `${title},Summary,"many\nlines",maps,live; maps ;,https://docs.example.com,,${link('a')}`,
        `${title}-2,S,,maps,,,,${link('b')}`,
        `${title},S,,maps,,,,"${container.replaceAll('"', '""')}"`,
      ].join('\r\n');
      const dry = await send('demos/import?dryRun', csv);
      expect([dry.status, dry.body]).toEqual([200, { created: 3 }]);
      expect(await send('demos/import', csv)).toMatchObject({ status: 200, body: { created: 3 } });
      const read = async (end: string): Promise<Reply['body']> =>
        (await admin.get(`/demos/${slug}${end}`)).body;
      expect(await read('-2')).toMatchObject({
        title,
        description: 'many\nlines',
        tags: ['live', 'maps'],
        docsUrl: 'https://docs.example.com',
        thumbnailUrl: null,
        status: 'draft',
        launch: { kind: 'link', url: 'https://demo.example.com/a' },
      });
      expect(await read('-2-2')).toMatchObject({ title: `${title}-2` });
      expect(await read('-3')).toMatchObject({ launch: { kind: 'container', imageId: image } });
      const [entry] = (await admin.get('/audit', { query: { action: 'demo.imported' } })).body.items;
      expect(entry.after).toMatchObject({ count: 3 });
      expect(entry.after.also).toHaveLength(3);
      expect(JSON.stringify(entry)).not.toContain('hidden');
    });

    it('name every bad line, and change nothing', async () => {
      const deep = '['.repeat(50_000) + ']'.repeat(50_000);
      await refused(
        'demos/import',
        [
          'title,summary,category,tags,launch',
          `Good,S,c,,${link('a')}`,
          'No JSON,S,c,,{kind}',
          'No launch,S,c,,',
          'Script,S,c,,"{""kind"":""link"",""url"":""javascript:alert(1)""}"',
          `No image,S,c,,"{""kind"":""container"",""imageId"":""${newId()}"",""port"":80}"`,
          `Tags,S,c,a;a,${link('b')}`,
          `Deep,S,c,,${deep}`,
          'Proto,S,c,,"{""kind"":""link"",""url"":""https://a.example"",""__proto__"":{}}"',
          'More,S,c,,"{""kind"":""link"",""url"":""https://a.example"",""port"":1}"',
        ].join('\n'),
        [
          [3, 'launch'],
          [4, 'launch'],
          [5, 'launch.url'],
          [6, 'launch.imageId'],
          [7, 'tags'],
          [8, 'launch'],
          [9, '__proto__'],
          [10, 'launch.port'],
        ],
      );
    });

    it.each<[string, string, [number, string][]]>([
      [
        'nothing',
        '\n\n',
        [
          [1, 'title'],
          [1, 'summary'],
          [1, 'category'],
          [1, 'launch'],
        ],
      ],
      ['an unknown column', 'title,summary,category,launch,status\n', [[1, 'status']]],
    ])('refuse %s', async (_, csv, bad) => {
      await refused('demos/import', csv, bad);
    });
  });

  describe.each(['clients/import', 'demos/import'])('%s', (path) => {
    it('takes text/csv in UTF-8 alone, and nothing else does', async () => {
      expectProblem(await admin.post(`/${path}`, {}), 415, 'unsupported-media-type');
      expectProblem(await admin.post(`/${path}`, { name: 'A' }), 415, 'unsupported-media-type');
      expectProblem(await admin.post(`/${path}`), 415, 'unsupported-media-type');
      for (const type of ['text/plain', 'text/csv; charset=latin1', 'multipart/form-data; boundary=x'])
        expectProblem(await send(path, 'a', { 'content-type': type }), 415, 'unsupported-media-type');
      for (const other of ['clients', 'auth/login', 'demos'])
        expectProblem(await send(other, 'name,email\n'), 415, 'unsupported-media-type');
    });

    it('takes 5 MB at most, other routes as little as before', async () => {
      // Its head alone: the server answers before the body is there, and reads none of it.
      const head = [
        `POST ${API}/${path} HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${admin.accessToken}`,
        'Content-Type: text/csv',
        `Content-Length: ${5 * MB + 1}`,
      ];
      const refusal = await app.wire(`${head.join('\r\n')}\r\n\r\n`);
      expect(refusal).toMatch(/^HTTP\/1.1 413 [^]*"urn:ecatalog:problem:payload-too-large"/);
      expectProblem(await send(path, Buffer.alloc(5 * MB, 'a')), 400, 'validation');
      const body = JSON.stringify({ name: 'a'.repeat(200_000) });
      expectProblem(await admin.post('/clients', body), 413, 'payload-too-large');
      expectProblem(await admin.post(`/${path}`, body), 413, 'payload-too-large');
    });

    it('is for administrators alone, and knows its query', async () => {
      const headers = { 'content-type': 'text/csv' };
      expectProblem(await app.post(`/${path}`, 'a', { headers }), 401, 'unauthenticated');
      const viewer = await (await app.createUser()).signIn();
      expectProblem(await viewer.post(`/${path}`, 'a', { headers }), 403, 'forbidden');
      const client = await (await app.createClient()).signIn();
      expectProblem(await client.post(`/${path}`, 'a', { headers }), 403, 'forbidden');
      expectProblem(await send(`${path}?dryRun=maybe`, 'a'), 400, 'validation', 'dryRun');
      expectProblem(await send(`${path}?dryrun=true`, 'a'), 400, 'validation', 'dryrun');
    });
  });

  it('by the command line: the same, with exit codes', async () => {
    const file = (name: string, csv: string): string => {
      const path = join(app.database.folder, name);
      writeFileSync(path, csv);
      return path;
    };
    const email = `${unique()}@example.com`;
    const good = file('good.csv', `name,email\nAna,${email}\n`);
    const before = await state();
    const dry = await app.cli(['import', 'clients', good, '--dry-run']);
    expect([dry.code, dry.stdout]).toEqual([0, '1 clients would be made; nothing was changed.\n']);
    expect(await state()).toEqual(before);
    expect(await app.cli(['import', 'clients', good])).toMatchObject({
      code: 0,
      stdout: '1 clients made.\n',
    });
    const again = await app.cli(['import', 'clients', good]);
    expect(again.code).toBe(1);
    expect(again.stderr).toBe(
      'line 2: email: is that of another account\n1 bad line; nothing was changed.\n',
    );
    const json = await app.cli(['--json', 'import', 'clients', good]);
    expect([json.code, json.json]).toEqual([
      1,
      { created: 0, errors: [{ line: 2, field: 'email', message: 'is that of another account' }] },
    ]);
    const demos = file(
      'demos.csv',
      'title,summary,category,launch\nA,B,C,"{""kind"":""link"",""url"":""https://a.example""}"\n',
    );
    expect(await app.cli(['--json', 'import', 'demos', demos])).toMatchObject({
      code: 0,
      json: { created: 1, dryRun: false },
    });
    expect(await app.cli(['import', 'clients', 'absent.csv'])).toMatchObject({
      code: 1,
      stderr: 'absent.csv cannot be read.\n',
    });
    for (const misuse of [['import'], ['import', 'clients'], ['import', 'users', good]])
      expect((await app.cli(misuse)).code).toBe(2);
  });
});
