import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApp } from './support/app.js';

const run = promisify(execFile);

/** The blocks marked `walk`, as a reader would paste them one after the other. */
describe.each([
  [
    'README.md',
    [
      '"status":"published"',
      '"granted":true',
      '"endReason":"closed"',
      '"opens":1',
      '"status":"revoked"',
      'as Ana: 401',
      '"pendingRequests":0',
      '"valid":true',
    ],
  ],
  [
    'docs/guide.md',
    [
      '{"created":2}',
      '"kind":"renewal"',
      '"approved":true',
      '"approved":false',
      'request-decided',
      '"granted":true',
      '{"active":true',
      'Dora Pinto',
      '"credentials":[{"emailKey":"dora@pinto.example"',
    ],
  ],
])('the walk of %s', (document, answers) => {
  it('does what it says, with curl', async () => {
    const app = await startApp();
    const text = readFileSync(join(import.meta.dirname, '..', document), 'utf8');
    const blocks = [...text.matchAll(/```sh walk\n([\s\S]*?)```/g)].map(([, block]) => block);
    expect(blocks.length).toBeGreaterThanOrEqual(8);
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks.join('\necho\n')], {
      cwd: app.database.folder,
      env: {
        PATH: process.env.PATH,
        API: `${app.url}/api/v1`,
        ADMIN_EMAIL: app.env.ADMIN_EMAIL,
        ADMIN_PASSWORD: app.env.ADMIN_PASSWORD,
      },
    });
    for (const answer of answers) expect(stdout).toContain(answer);
  });
});
