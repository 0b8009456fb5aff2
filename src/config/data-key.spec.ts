import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppConfig, ConfigError, loadConfig } from './app-config.js';

describe('DATA_KEY', () => {
  const folder = mkdtempSync(join(tmpdir(), 'data-key-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ecatalog.db');
  const key = randomBytes(32);

  function load(env: NodeJS.ProcessEnv, purpose?: 'command'): AppConfig {
    const production = { NODE_ENV: 'production', JWT_SECRET: randomBytes(48).toString('base64') };
    return loadConfig({ ...production, DATABASE_URL: `sqlite:${path}`, ...env }, purpose);
  }

  it.each(['base64', 'base64url', 'hex'] as const)('is read as %s', (encoding) => {
    expect(load({ DATA_KEY: key.toString(encoding) }).dataKey).toEqual(key);
  });

  it('is read from a file, with the newline that an editor leaves', () => {
    const file = join(folder, 'key');
    writeFileSync(file, `${key.toString('base64')}\n`);
    expect(load({ DATA_KEY_FILE: file }).dataKey).toEqual(key);
  });

  it.each([
    ['missing', undefined],
    ['short', randomBytes(31).toString('base64')],
    ['long', randomBytes(33).toString('base64')],
    ['no bytes', 'a passphrase of some thirty-two chars'],
    ['zero', Buffer.alloc(32).toString('base64')],
    ['counted', Buffer.from([...Array(32).keys()]).toString('hex')],
    ['an example', Buffer.from('change-me-change-me-change-me-32').toString('base64')],
  ])('stops the start in production, named and not shown, when it is %s', (_, text) => {
    const start = () => load({ DATA_KEY: text });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(/- DATA_KEY: /);
    if (text) expect(start).not.toThrow(text);
  });

  it('is made beside the database in development, for its owner only, and found again', () => {
    const made = load({ NODE_ENV: 'development' }).dataKey;
    expect(made).toHaveLength(32);
    expect(statSync(`${path}.data-key`).mode & 0o777).toBe(0o600);
    expect(load({ NODE_ENV: 'development' }).dataKey).toEqual(made);
    expect(load({ NODE_ENV: 'development' }, 'command').dataKey).toEqual(made);
  });

  it('is not demanded of a command, which makes none', () => {
    const other = join(folder, 'other.db');
    expect(load({}, 'command').dataKey).toBeUndefined();
    const env = { NODE_ENV: 'development', DATABASE_URL: `sqlite:${other}` };
    expect(load(env, 'command').dataKey).toBeUndefined();
    expect(existsSync(`${other}.data-key`)).toBe(false);
  });
});
