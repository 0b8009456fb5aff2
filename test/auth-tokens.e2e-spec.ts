/**
 * What is no access token is answered 401 (quality.md, Security 1–3; RFC 8725; RFC 9700), and no session lives longer
 * than it was given, whatever the clock does (Faults 12).
 */
import { createHash, createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';

type Json = Record<string, unknown>;
const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
const decode = (part = ''): Json => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;

describe('access tokens', () => {
  let app: TestApp;
  let session: Session;
  let header: Json;
  let claims: Json;
  beforeAll(async () => {
    app = await startApp();
    session = await (await app.createUser()).signIn();
    [header, claims] = session.accessToken.split('.', 2).map(decode) as [Json, Json];
  });

  const me = (token: string) => app.get('/auth/me', { token });
  const refused = async (token: string) => expectProblem(await me(token), 401, 'unauthenticated');

  /** A token signed with the server's own secret: only its header or its claims are wrong. */
  function signed(
    over: Json,
    headerOver: Json = {},
    algorithm = 'sha256',
    secret = String(app.env.JWT_SECRET),
  ): string {
    const text = `${encode({ ...header, ...headerOver })}.${encode({ ...claims, ...over })}`;
    return `${text}.${createHmac(algorithm, secret).update(text).digest('base64url')}`;
  }

  it('carry what api.md says', () => {
    expect(header).toEqual({ alg: 'HS256', typ: 'JWT', kid: expect.any(String) });
    expect(claims).toEqual({
      iss: 'ecatalog',
      aud: 'ecatalog-api',
      sub: session.account.id,
      sid: expect.any(String),
      kind: 'user',
      iat: expect.any(Number),
      exp: (claims.iat as number) + 15 * 60,
    });
  });

  it('are taken as signed, and the forge of this suite can sign', async () => {
    expect((await me(session.accessToken)).status).toBe(200);
    expect((await me(signed({}))).status).toBe(200);
  });

  it('are refused when absent, of another scheme or twice', async () => {
    const challenge = await app.get('/auth/me');
    expectProblem(challenge, 401, 'unauthenticated');
    expect(challenge.headers['www-authenticate']).toBe('Bearer');
    const { accessToken } = session;
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      accessToken,
      `Basic ${accessToken}`,
      `Bearer ${accessToken}, Bearer ${accessToken}`,
      `Bearer ${accessToken} x`,
      `Bearer "${accessToken}"`,
    ])
      expectProblem(await app.get('/auth/me', { headers: { authorization } }), 401, 'unauthenticated');
    for (const query of [{ access_token: accessToken }, { token: accessToken }])
      expectProblem(await app.get('/auth/me', { query }), 401, 'unauthenticated');
    const cookie = `access_token=${accessToken}`;
    expectProblem(await app.get('/auth/me', { headers: { cookie } }), 401, 'unauthenticated');
  });

  it('are refused when altered anywhere', async () => {
    const { accessToken } = session;
    const [head = '', body = '', signature = ''] = accessToken.split('.');
    const other = await (await app.createUser({ role: 'admin' })).signIn();
    const [, otherBody = ''] = other.accessToken.split('.');
    for (const token of [
      `${head}.${otherBody}.${signature}`,
      `${head}.${encode({ ...claims, exp: 9e9 })}.${signature}`,
      `${head}.${body}`,
      `${head}.${body}.`,
      `${head}..${signature}`,
      `.${body}.${signature}`,
      `${accessToken}.${signature}`,
      `${accessToken}A`,
      accessToken.slice(0, -1),
      accessToken.slice(1),
      `${head}.${body}.${signature.slice(0, 10)}`,
      `${head}.${body}.${[...signature].reverse().join('')}`,
      `${head}.${body}.${Buffer.from(signature, 'base64url').toString('hex')}`,
      'a.b.c',
      '...',
      'null',
      'x'.repeat(8000),
    ])
      await refused(token);
    for (let position = 0; position < accessToken.length; position += 7) {
      const character = accessToken[position] === 'A' ? 'B' : 'A';
      const altered = accessToken.slice(0, position) + character + accessToken.slice(position + 1);
      if (altered.split('.').length === 3) await refused(altered);
    }
  });

  it('are refused with another algorithm, also by an honest signature', async () => {
    const [, body = '', signature = ''] = session.accessToken.split('.');
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 'HS256 ', 'hs256', ['HS256'], 0])
      for (const end of ['', signature]) await refused(`${encode({ ...header, alg })}.${body}.${end}`);
    await refused(signed({}, { alg: 'HS384' }, 'sha384'));
    await refused(signed({}, { alg: 'HS512' }, 'sha512'));
    await refused(signed({}, { alg: undefined }));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const alg of ['RS256', 'PS256']) {
      const text = `${encode({ ...header, alg })}.${body}`;
      await refused(`${text}.${signWith('sha256', Buffer.from(text), privateKey).toString('base64url')}`);
    }
    const { privateKey: ecKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const text = `${encode({ ...header, alg: 'ES256' })}.${body}`;
    const es = signWith('sha256', Buffer.from(text), { key: ecKey, dsaEncoding: 'ieee-p1363' });
    await refused(`${text}.${es.toString('base64url')}`);
  });

  it('choose no key by kid, jku, jwk, x5u or x5c, and nothing is fetched', async () => {
    let fetched = 0;
    const listener = createServer((_request, response) => {
      fetched += 1;
      response.end(JSON.stringify({ keys: [{ kty: 'oct', k: encode('attacker') }] }));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/keys`;
    const own = 'a secret that the attacker knows';
    const tricks: Json[] = [
      { kid: '/dev/null' },
      { kid: '../../../../dev/null' },
      { kid: "x' UNION SELECT 'a secret that the attacker knows" },
      { kid: url },
      { kid: null },
      { kid: { toString: 'x' } },
      { jku: url },
      { x5u: url },
      { jwk: { kty: 'oct', k: Buffer.from(own).toString('base64url') } },
      { x5c: [Buffer.from(own).toString('base64')] },
      { kid: undefined, jku: url, x5u: url },
    ];
    for (const trick of tricks) {
      await refused(signed({}, trick, 'sha256', own));
      await refused(signed({}, trick, 'sha256', ''));
    }
    listener.close();
    expect(fetched).toBe(0);
  });

  it('are refused with wrong claims, also when signed with the server’s secret', async () => {
    const stranger = await (await app.createUser({ role: 'admin' })).signIn();
    const now = Math.floor((await app.clock.now()).getTime() / 1000);
    for (const over of [
      { iss: 'another' },
      { iss: undefined },
      { aud: 'ecatalog-launch' },
      { aud: undefined },
      { aud: [] },
      { sub: stranger.account.id },
      { sub: undefined },
      { kind: 'client' },
      { kind: undefined },
      { sid: undefined },
      { sid: null },
      { sid: 'no-id' },
      { sid: '\u0000' },
      { sid: 7 },
      { sid: { $ne: null } },
      { sid: [claims.sid] },
      { sid: stranger.account.id },
      { exp: undefined },
      { exp: null },
      { exp: String(now + 900) },
      { exp: now - 1 },
      { exp: 0 },
      { exp: -1 },
      { nbf: now + 3600 },
    ])
      await refused(signed(over));
    for (const body of ['[]', '"x"', '7', '{', '']) {
      const text = `${encode(header)}.${Buffer.from(body).toString('base64url')}`;
      const mac = createHmac('sha256', String(app.env.JWT_SECRET)).update(text).digest('base64url');
      await refused(`${text}.${mac}`);
    }
  });

  it('are not the refresh token, a cursor, or a launch token', async () => {
    await refused(session.refreshToken);
    const { nextCursor } = (await (await app.admin()).get('/users', { query: { limit: 1 } })).body;
    await refused(nextCursor);
    const client = await app.createClient();
    const demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    const opened = await (await client.signIn()).post(`/demos/${demo.id}/open`);
    expect(opened.status).toBe(201);
    await refused(opened.body.launchToken);
  });

  it('expire to the second', async () => {
    const user = await app.createUser();
    await app.clock.set('2031-01-01T12:00:00.000Z');
    const { accessToken } = await user.signIn();
    await app.clock.set('2031-01-01T12:14:59.999Z');
    expect((await me(accessToken)).status).toBe(200);
    await app.clock.set('2031-01-01T12:15:00.000Z');
    await refused(accessToken);
    await app.clock.reset();
  });

  it('of a refresh 20 times at once are good at most once, and the session is over', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { refreshToken, accessToken } = await (await app.createUser()).signIn();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => app.post('/auth/refresh', { refreshToken })),
      );
      const good = replies.filter(({ status }) => status === 200);
      expect(good.length).toBeLessThanOrEqual(1);
      for (const reply of replies.filter(({ status }) => status !== 200))
        expectProblem(reply, 401, 'unauthenticated');
      for (const token of [accessToken, ...good.map(({ body }) => body.accessToken)]) await refused(token);
      for (const { body } of good)
        expectProblem(
          await app.post('/auth/refresh', { refreshToken: body.refreshToken }),
          401,
          'unauthenticated',
        );
    }
  });

  it('are stored nowhere, and refresh tokens as hashes only', async () => {
    const { refreshToken } = await (await app.createUser()).signIn();
    const rows = await app.sql('SELECT * FROM refresh_tokens');
    const hash = createHash('sha256').update(refreshToken).digest('hex');
    expect(rows.map((row) => row.token_hash)).toContain(hash);
    expect(JSON.stringify([rows, await app.sql('SELECT * FROM sessions')])).not.toContain(refreshToken);
  });

  describe('when the clock is moved', () => {
    const HOUR = 3_600_000;
    afterEach(() => app.clock.reset());

    it('forward by an hour, are over, and the session goes on by its refresh token', async () => {
      const { accessToken, refreshToken } = await (await app.createUser()).signIn();
      await app.clock.advance(HOUR);
      await refused(accessToken);
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(200);
    });

    it('back by an hour, are over with their session: both would live longer than they were given', async () => {
      const user = await app.createUser();
      const { accessToken, refreshToken } = await user.signIn();
      await app.clock.advance(-HOUR);
      await refused(accessToken);
      expectProblem(await app.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
      const again = await user.signIn();
      expect((await me(again.accessToken)).status).toBe(200);
      await app.clock.advance(-30_000);
      // So far may the clocks of two replicas be apart.
      expect((await me(again.accessToken)).status).toBe(200);
    });
  });
});

describe('after the secret was rotated', () => {
  it('the previous one’s tokens are still taken, and a third one’s are not', async () => {
    const app = await startApp();
    const user = await app.createUser();
    const old = await user.signIn();
    await app.stop();
    const oldSecret = String(app.env.JWT_SECRET);
    app.env.JWT_SECRET = createHash('sha512').update('new').digest('base64');
    app.env.JWT_SECRET_PREVIOUS = oldSecret;
    await app.start();
    expect((await old.get('/auth/me')).status).toBe(200);
    const fresh = await user.signIn();
    await app.stop();
    app.env.JWT_SECRET_PREVIOUS = undefined;
    await app.start();
    expectProblem(await old.get('/auth/me'), 401, 'unauthenticated');
    expect((await fresh.get('/auth/me')).status).toBe(200);
  });
});
