import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from './app-config.js';

const random = () => randomBytes(48).toString('base64');
const production = (over: Record<string, string | undefined> = {}): NodeJS.ProcessEnv => ({
  NODE_ENV: 'production',
  DATABASE_URL: 'sqlite:/data/x.db',
  JWT_SECRET: random(),
  DATA_KEY: randomBytes(32).toString('base64'),
  ...over,
});

/** The messages with which the environment is refused. */
function faults(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).messages;
  }
}

describe('loadConfig', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'config-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each<[string, string | undefined]>([
    ['none', undefined],
    ['an empty one', ''],
    ['a short one', 'tooshort'],
    ['31 bytes', random().slice(0, 31)],
    ['an example', 'change-me-change-me-change-me-change-me'],
    ['a well-known one', 'your-256-bit-secret-your-256-bit-secret'],
    ['one letter', 'x'.repeat(64)],
    ['two letters', 'xy'.repeat(32)],
    ['the alphabet', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['digits in order', '0123456789abcdef0123456789abcdef'],
    ['a phrase with secret in it', 'this-is-My-Super-Secret-key-2026!'],
  ])('refuses a JWT_SECRET in production: %s', (_, JWT_SECRET) => {
    expect(faults(production({ JWT_SECRET }))).toEqual([expect.stringMatching(/^JWT_SECRET: /)]);
    expect(faults(production({ JWT_SECRET_PREVIOUS: JWT_SECRET || undefined }))).toHaveLength(
      JWT_SECRET ? 1 : 0,
    );
    if (JWT_SECRET) expect(faults(production({ JWT_SECRET })).join()).not.toContain(JWT_SECRET);
  });

  it('takes random ones, in base64 and in hex', () => {
    for (let time = 0; time < 200; time += 1) {
      expect(faults(production({ JWT_SECRET: random() }))).toEqual([]);
      expect(faults(production({ JWT_SECRET: randomBytes(32).toString('hex') }))).toEqual([]);
    }
  });

  it('reads a secret from the file that NAME_FILE names', () => {
    const path = join(folder, 'secret');
    const secret = random();
    writeFileSync(path, `${secret}\n`);
    const { jwt } = loadConfig(production({ JWT_SECRET: undefined, JWT_SECRET_FILE: path }));
    expect(jwt.current.export().toString()).toBe(secret);
    expect(faults(production({ JWT_SECRET: undefined, JWT_SECRET_FILE: join(folder, 'none') }))).toEqual([
      'JWT_SECRET_FILE: the file cannot be read',
      expect.stringMatching(/^JWT_SECRET: is missing/),
    ]);
  });

  it('makes a secret in development, kept for the owner’s eyes', () => {
    const env = { DATABASE_URL: `sqlite:${join(folder, 'x.db')}` };
    const [first, second] = [loadConfig(env), loadConfig(env)];
    expect(first.jwt.current.equals(second.jwt.current)).toBe(true);
    expect(statSync(join(folder, 'x.db.jwt-secret')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['NODE_ENV', 'prod'],
    ['PORT', '70000'],
    ['PORT', '80a'],
    ['PORT', '-1'],
    ['DATABASE_URL', 'mysql://x'],
    ['DATABASE_URL', 'file:x.db'],
    ['SQLITE_SYNCHRONOUS', 'OFF'],
    ['DATABASE_POOL_SIZE', '0'],
    ['LOG_LEVEL', 'loud'],
    ['PUBLIC_URL', 'javascript:alert(1)'],
    ['TRUSTED_PROXIES', 'proxy.internal'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'https://app.example.com/'],
    ['CORS_ORIGINS', 'null'],
    ['ADMIN_EMAIL', 'admin@example.com'],
  ])('refuses %s=%s, naming it or what it needs', (name, value) => {
    const [fault = ''] = faults(production({ [name]: value }));
    expect(fault).toMatch(name === 'ADMIN_EMAIL' ? /^ADMIN_PASSWORD: / : new RegExp(`^${name}: `));
  });

  it('puts PostgreSQL together from its parts', () => {
    const parts = {
      DATABASE_HOST: 'db',
      DATABASE_NAME: 'c/t',
      DATABASE_USER: 'a@b',
      DATABASE_PASSWORD: 'p:@/?#',
    };
    const { database } = loadConfig(production({ DATABASE_URL: undefined, ...parts }));
    expect(database.url).toMatchObject({ kind: 'postgres' });
    expect(faults(production(parts))).toEqual([expect.stringMatching(/^DATABASE_URL: give either/)]);
  });
});
