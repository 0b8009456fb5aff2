import { loadConfig } from '../config/app-config.js';
import { Signer } from './signer.js';

const signer = (current: string, previous?: string) =>
  new Signer(
    loadConfig({
      DATABASE_URL: 'sqlite:/never/opened.db',
      JWT_SECRET: current.repeat(32),
      ...(previous && { JWT_SECRET_PREVIOUS: previous.repeat(32) }),
    }),
  );

describe('Signer', () => {
  it('verifies what it signed, and nothing else', () => {
    const one = signer('a');
    const signature = one.sign('text');
    expect(one.verify('text', signature)).toBe(true);
    for (const other of [
      '',
      'x',
      signature.slice(1),
      `${signature}A`,
      signature.toLowerCase(),
      'é'.repeat(43),
    ])
      expect(one.verify('text', other)).toBe(false);
    expect(one.verify('texts', signature)).toBe(false);
    expect(signer('b').verify('text', signature)).toBe(false);
  });

  it('takes the previous secret’s for as long as it is given', () => {
    const signature = signer('a').sign('text');
    expect(signer('b', 'a').verify('text', signature)).toBe(true);
    expect(signer('b', 'a').sign('text')).toBe(signer('b').sign('text'));
  });
});
