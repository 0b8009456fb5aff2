import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppConfig } from '../config/app-config.js';
import { mayConnect, parseNetworks } from '../config/networks.js';
import { Egress, EgressRefusedError, FetchError } from './egress.js';

describe('an address', () => {
  it.each([
    '127.0.0.1',
    '127.8.9.10',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '198.18.0.1',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    'fe80::1%lo',
    '',
    'localhost',
  ])('%s is not connected to', (address) => {
    expect(mayConnect(address, [])).toBe(false);
  });

  it.each(['93.184.216.34', '8.8.8.8', '2606:2800:220:1::1', '::ffff:8.8.8.8'])('%s is', (address) => {
    expect(mayConnect(address, [])).toBe(true);
  });

  it('may be allowed, and its neighbours stay out', () => {
    const allowed = parseNetworks(['10.1.0.0/16', '127.0.0.2', 'fd00::/8']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.2', 'fd00::1'])
      expect([address, mayConnect(address, allowed)]).toEqual([address, true]);
    for (const address of ['10.2.0.1', '127.0.0.1', 'fc00::1', '::1'])
      expect([address, mayConnect(address, allowed)]).toEqual([address, false]);
  });

  it.each(['localhost', '10.0.0.0/33', '10.0.0', '2130706433', '*', '10.0.0.0/'])(
    '%s is no network',
    (entry) => {
      expect(() => parseNetworks([entry])).toThrow(`${entry} is no address or network`);
    },
  );
});

describe('fetching', () => {
  const servers: Server[] = [];
  afterAll(() => Promise.all(servers.map((server) => new Promise((done) => server.close(done)))));

  /** Listens on a loopback address of its own, and notes what comes. */
  async function serve(
    host: string,
    answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
      response.end('here'),
    port = 0,
  ): Promise<{ port: number; seen: IncomingMessage[] }> {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      answer(request, response);
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(port, host, done));
    return { port: (server.address() as AddressInfo).port, seen };
  }

  /** With names that answer one list after the other. */
  function egress(allow: string[], ...answers: string[][]): Egress & { asked: number } {
    const config = new AppConfig();
    config.egressAllow = parseNetworks(allow);
    class Scripted extends Egress {
      asked = 0;
      protected override resolve(): Promise<{ address: string; family: number }[]> {
        const answer = answers[Math.min(this.asked, answers.length - 1)] ?? [];
        this.asked += 1;
        return Promise.resolve(answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
      }
    }
    return new Scripted(config);
  }

  const get = (from: Egress, url: string, headers = {}) =>
    from.get(new URL(url), { headers, limit: 1000, signal: AbortSignal.timeout(5000) });

  it('refuses a private address however it is written', async () => {
    const { port, seen } = await serve('127.0.0.1');
    const from = egress([], ['127.0.0.1']);
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      'name.example',
    ])
      await expect(get(from, `http://${host}:${port}/`)).rejects.toThrow(EgressRefusedError);
    expect(seen).toHaveLength(0);
  });

  it('connects to the address that was checked, whatever the name answers next', async () => {
    const good = await serve('127.0.0.2');
    const bad = await serve('127.0.0.1', undefined, good.port);
    const from = egress(['127.0.0.2'], ['127.0.0.2'], ['127.0.0.1']);
    expect((await get(from, `http://rebind.example:${good.port}/`)).body.toString()).toBe('here');
    expect(from.asked).toBe(1);
    await expect(get(from, `http://rebind.example:${good.port}/`)).rejects.toThrow(EgressRefusedError);
    const both = egress(['127.0.0.2'], ['127.0.0.1', '127.0.0.2']);
    expect((await get(both, `http://both.example:${good.port}/`)).status).toBe(200);
    expect([good.seen.length, bad.seen.length]).toEqual([2, 0]);
  });

  it('checks each redirect, and leaves credentials behind', async () => {
    const inner = await serve('127.0.0.1');
    const other = await serve('127.0.0.3');
    const targets: Record<string, string> = {
      '/private': `http://127.0.0.1:${inner.port}/`,
      '/metadata': 'http://169.254.169.254/latest/meta-data',
      '/file': 'file:///etc/passwd',
      '/other': `http://127.0.0.3:${other.port}/`,
      '/here': '/end',
      '/loop': '/loop',
    };
    const outer = await serve('127.0.0.2', ({ url = '' }, response) => {
      const location = targets[url];
      response.writeHead(location ? 307 : 200, location ? { location } : {}).end('end');
    });
    const from = egress(['127.0.0.2', '127.0.0.3']);
    const base = `http://127.0.0.2:${outer.port}`;
    for (const path of ['/private', '/metadata', '/file'])
      await expect(get(from, base + path)).rejects.toThrow(EgressRefusedError);
    await expect(get(from, `${base}/loop`)).rejects.toThrow(FetchError);
    const headers = { authorization: 'Basic c2VjcmV0' };
    expect((await get(from, `${base}/other`, headers)).status).toBe(200);
    expect((await get(from, `${base}/here`, headers)).body.toString()).toBe('end');
    expect(inner.seen).toHaveLength(0);
    expect(other.seen.map((request) => request.headers.authorization)).toEqual([undefined]);
    expect(outer.seen.at(-1)?.headers.authorization).toBe(headers.authorization);
  });

  it('ends with what is too long or takes too long', async () => {
    const { port } = await serve('127.0.0.2', ({ url }, response) => {
      if (url === '/long') response.end('x'.repeat(2000));
    });
    const from = egress(['127.0.0.2']);
    await expect(get(from, `http://127.0.0.2:${port}/long`)).rejects.toThrow('more than 1000 bytes');
    const signal = AbortSignal.timeout(200);
    await expect(from.get(new URL(`http://127.0.0.2:${port}/`), { limit: 1, signal })).rejects.toThrow();
    servers.at(-1)?.closeAllConnections();
  });
});
