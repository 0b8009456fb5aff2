import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApp, type TestApp } from './support/app.js';

const run = promisify(execFile);

/** The README's walk through the eight use cases, as a reader would paste it. */
describe('the walk of the README', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('goes through all eight use cases with curl', async () => {
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    const blocks = [...readme.matchAll(/```sh walk\n([\s\S]*?)```/g)].map(([, block]) => block);
    expect(blocks.length).toBeGreaterThanOrEqual(9);
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks.join('\necho\n')], {
      env: {
        PATH: process.env.PATH,
        API: `${app.url}/api/v1`,
        ADMIN_EMAIL: app.env.ADMIN_EMAIL,
        ADMIN_PASSWORD: app.env.ADMIN_PASSWORD,
      },
    });
    expect(stdout).toContain('"status":"published"');
    expect(stdout).toContain('"granted":true');
    expect(stdout).toContain('"endReason":"closed"');
    expect(stdout).toContain('"opens":1');
    expect(stdout).toContain('"status":"revoked"');
    expect(stdout).toContain('as Ana: 401');
    expect(stdout).toContain('"pendingRequests":0');
    expect(stdout).toContain('"valid":true');
  });
});
