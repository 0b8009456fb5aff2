/** SIGTERM under load (quality.md, Faults 7), as a load balancer that asks /health/ready sees it. */
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, until, type TestApp } from '../support/app.js';
import { clientInput } from '../support/inputs.js';
import { Callers, measure } from './load.js';

/** How long readiness is off before the server closes, and how long a balancer here takes to notice. */
const drainSeconds = 2;
const noticeMs = 500;

/** A creation whose body comes slowly, so that SIGTERM finds it under way. Returns the status. */
async function slowRequest(app: TestApp, token: string, lastsMs: number): Promise<number | undefined> {
  const body = Buffer.from(JSON.stringify(clientInput({ password: undefined })));
  const { hostname, port } = new URL(app.url);
  const sent = httpRequest({
    method: 'POST',
    hostname,
    port,
    path: '/api/v1/clients',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    },
  });
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.on('error', reject);
    sent.once('response', (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode));
    });
  });
  sent.write(body.subarray(0, 20));
  await sleep(lastsMs);
  sent.end(body.subarray(20));
  return status;
}

describe('SIGTERM under load', () => {
  it(
    'turns readiness off first, drops no request and ends with 0 within 30 seconds',
    async () => {
      const app = await startApp({ env: { DRAIN_SECONDS: String(drainSeconds) } });
      for (let round = 0; round < measure(1, 10); round += 1) {
        if (!app.running) await app.start();
        const callers = await Callers.at(app, { clients: 4, demos: 2 });
        const { outcome, stop } = callers.work(8);
        await until(() => outcome.right > 50);
        // Slower than the drain: they began before it and end after the port is closed.
        const { accessToken } = await app.admin();
        const slow = Array.from({ length: 4 }, () =>
          slowRequest(app, accessToken, drainSeconds * 1000 + 1500),
        );
        await sleep(200);

        const began = performance.now();
        const ended = app.stop(30_000);
        await until(async () => (await app.raw('GET', '/health/ready')).status === 503, 5000);
        const noticed = performance.now();
        expect(noticed - began).toBeLessThan(drainSeconds * 1000);
        expect((await app.raw('GET', '/health/live')).status).toBe(200);
        // Until the balancer has noticed, requests still come, and are answered.
        const before = outcome.right;
        await sleep(noticeMs);
        const { wrong, unavailable, right } = await stop();
        expect({ wrong, unavailable }).toEqual({ wrong: [], unavailable: 0 });
        expect(right).toBeGreaterThan(before);
        expect(await Promise.all(slow)).toEqual(Array(slow.length).fill(201));
        expect(await ended).toBe(0);
        expect(performance.now() - began).toBeLessThan(30_000);
        await expect(app.raw('GET', '/health/live')).rejects.toThrow('ECONNREFUSED');
        await app.start();
        await callers.expectNothingLost();
      }
    },
    measure(60_000, 400_000),
  );
});
