import { randomBytes } from 'node:crypto';
import { type AppConfig, loadConfig } from './app-config.js';

function load(env: NodeJS.ProcessEnv, purpose?: 'command'): AppConfig {
  const secret = () => randomBytes(32).toString('base64');
  const given = { NODE_ENV: 'production', JWT_SECRET: secret(), DATA_KEY: secret() };
  return loadConfig({ ...given, ...env }, purpose);
}

describe('the configuration of mail', () => {
  it('mails nothing without SMTP_URL', () => {
    expect(load({}).smtp).toBeUndefined();
    expect(load({ MAIL_FROM: 'catalog@example.com' }).smtp).toBeUndefined();
  });

  it.each([
    [{}, 'LTP Labs <no-reply@localhost>'],
    [{ PUBLIC_URL: 'https://catalog.example.com/app' }, 'LTP Labs <no-reply@catalog.example.com>'],
    [{ PUBLIC_URL: 'http://127.0.0.1:8080' }, 'LTP Labs <no-reply@localhost>'],
    [{ MAIL_FROM: 'catalog@example.com' }, 'catalog@example.com'],
    [{ MAIL_FROM: 'LTP Labs <catalog@example.com>' }, 'LTP Labs <catalog@example.com>'],
  ])('with %j comes from %s', (env, from) => {
    const url = 'smtp://user:pw@mail.example.com:587';
    expect(load({ SMTP_URL: url, ...env }).smtp).toEqual({ url, from });
  });

  it.each([
    ['SMTP_URL', { SMTP_URL: 'http://mail.example.com' }],
    ['SMTP_URL', { SMTP_URL: 'mail.example.com:25' }],
    ['SMTP_URL', { SMTP_URL: 'smtp://' }],
    ['MAIL_FROM', { SMTP_URL: 'smtp://127.0.0.1', MAIL_FROM: 'nobody' }],
    ['MAIL_FROM', { SMTP_URL: 'smtp://127.0.0.1', MAIL_FROM: 'a@example.com\r\nBcc: b@example.com' }],
    ['MAIL_FROM', { SMTP_URL: 'smtp://127.0.0.1', MAIL_FROM: 'a@example.com, b@example.com' }],
    ['JOBS_TICK_MS', { JOBS_TICK_MS: '-1' }],
  ])('names %s when it is wrong', (name, env) => {
    expect(() => load(env)).toThrow(`${name}: must be`);
  });

  it('lets a command run no jobs by itself', () => {
    expect(load({}).jobsTickMs).toBe(5000);
    expect(load({}, 'command').jobsTickMs).toBe(0);
  });
});
