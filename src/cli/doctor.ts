import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { AppConfig } from '../config/app-config.js';
import { ConfigError } from '../config/app-config.js';
import { explainFault } from '../database/connection-fault.js';
import type { DatabaseSettings } from '../database/database-settings.js';
import { describeDatabase } from '../database/database-url.js';
import { findDrift } from '../database/drift.js';
import { withMigrator } from '../database/migrator.js';
import { readConfig } from '../config/read-config.js';
import { CommandError, type Output } from './output.js';

/** What was looked at, and how it stands. */
interface Finding {
  state: 'ok' | 'warning' | 'wrong';
  text: string;
}

/** Less free space than this next to a SQLite file is worth a word. */
const LOW_DISK_BYTES = 512 * 2 ** 20;

/**
 * Reads the environment as the server would and says in words what is wrong with it; changes nothing.
 * @throws CommandError when something is wrong
 */
export async function doctor(output: Output): Promise<void> {
  const findings: Finding[] = [{ state: 'ok', text: `Node ${process.version}` }];
  const config = configuration(findings);
  if (config) {
    await database(findings, config.database);
    advise(findings, config);
  }
  const mark = { ok: '  ok      ', warning: '  warning ', wrong: '  WRONG   ' };
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  output.result(
    { healthy: wrong === 0, findings },
    findings.map(({ state, text }) => mark[state] + text).join('\n'),
  );
  if (wrong > 0) throw new CommandError(wrong === 1 ? 'One thing is wrong.' : `${wrong} things are wrong.`);
}

function configuration(findings: Finding[]): AppConfig | undefined {
  try {
    const config = readConfig('serve');
    findings.push({
      state: 'ok',
      text: `The configuration is valid (${config.production ? 'production' : 'development'})`,
    });
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    findings.push(...error.messages.map((text) => ({ state: 'wrong', text }) as const));
    return undefined;
  }
}

async function database(findings: Finding[], settings: DatabaseSettings): Promise<void> {
  const { url } = settings;
  if (url.kind === 'sqlite' && !existsSync(url.path)) {
    const hint = settings.mustExist
      ? 'Attach its volume or restore a backup; for a new catalog run `ecatalog migrate up`.'
      : '`npm start` makes it.';
    findings.push({
      state: settings.mustExist ? 'wrong' : 'warning',
      text: `${url.path} does not exist. ${hint}`,
    });
    return;
  }
  try {
    await withMigrator(
      { ...settings, mustExist: true },
      async (migrator, dataSource) => {
        findings.push({ state: 'ok', text: `Connected to ${describeDatabase(url)}` });
        const { pending, ahead } = await migrator.status();
        if (pending.length > 0) {
          findings.push({
            state: 'wrong',
            text: `${pending.length} migrations are pending. Run \`ecatalog migrate up\`.`,
          });
          return;
        }
        findings.push(
          ahead.length > 0
            ? { state: 'warning', text: `The database is ahead of this release by ${ahead.join(', ')}` }
            : { state: 'ok', text: 'Every migration is applied' },
        );
        if (ahead.length > 0) return;
        const drift = await findDrift(dataSource);
        findings.push(
          ...(drift.length > 0
            ? drift.map((text) => ({ state: 'wrong', text: `Schema: ${text}` }) as const)
            : [{ state: 'ok', text: 'The schema is what the migrations made' } as const]),
        );
        if (url.kind === 'sqlite') {
          const [row] = await dataSource.query<{ integrity_check: string }[]>('PRAGMA integrity_check(1)');
          findings.push(
            row?.integrity_check === 'ok'
              ? { state: 'ok', text: 'The file is whole' }
              : { state: 'wrong', text: 'The file is damaged. Restore it from a backup.' },
          );
        }
      },
      { readOnly: true },
    );
  } catch (error) {
    const { reason, hint } = explainFault(error, url);
    findings.push({ state: 'wrong', text: `${reason} ${hint}` });
  }
  if (url.kind === 'sqlite') await disk(findings, resolve(url.path));
}

async function disk(findings: Finding[], path: string): Promise<void> {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    accessSync(dirname(path), constants.R_OK | constants.W_OK);
  } catch {
    findings.push({ state: 'wrong', text: `This account may not write ${path} and its folder` });
  }
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  findings.push({
    state: free < LOW_DISK_BYTES ? 'warning' : 'ok',
    text: `The file has ${megabytes(statSync(path).size)}, its disk ${megabytes(free)} free`,
  });
}

function advise(findings: Finding[], config: AppConfig): void {
  if (!config.production) return;
  if (!config.publicUrl) {
    findings.push({
      state: 'warning',
      text: 'PUBLIC_URL is not set: invitations show a bare token instead of a link',
    });
  }
  if (config.trustedProxies.length === 0) {
    findings.push({
      state: 'warning',
      text: "TRUSTED_PROXIES is not set: behind a proxy, its address is logged in place of the clients'",
    });
  }
}
