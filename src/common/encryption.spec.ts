import { randomBytes } from 'node:crypto';
import { AppConfig, ConfigError } from '../config/app-config.js';
import { Encryption } from './encryption.js';

function encryption(dataKey?: Buffer, previousDataKey?: Buffer): Encryption {
  return new Encryption(Object.assign(new AppConfig(), { dataKey, previousDataKey }));
}

describe('Encryption', () => {
  const key = randomBytes(32);
  const one = encryption(key);

  it.each(['', 'JBSWY3DPEHPK3PXP', 'açúcar 🔑\n'.repeat(1000)])('gives back what it took', (text) => {
    const encrypted = one.encrypt(text);
    expect(encrypted).toMatch(/^v1\.[\w-]+$/);
    expect(encryption(Buffer.from(key)).decrypt(encrypted)).toBe(text);
  });

  it('encrypts the same text differently each time', () => {
    expect(one.encrypt('text')).not.toBe(one.encrypt('text'));
  });

  it('refuses what another key encrypted, what was altered, cut, or never encrypted', () => {
    const encrypted = one.encrypt('a secret text');
    const bytes = Buffer.from(encrypted.slice(3), 'base64url');
    const altered = [...bytes.keys()].map((at) => {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 1;
      return `v1.${copy.toString('base64url')}`;
    });
    const strange = ['', 'v1.', 'plain text', encrypted.slice(0, -4), `v2${encrypted.slice(2)}`];
    for (const text of [...altered, ...strange]) expect(() => one.decrypt(text)).toThrow(/DATA_KEY/);
    expect(() => encryption(randomBytes(32)).decrypt(encrypted)).toThrow(/DATA_KEY/);
  });

  it('reads what the key before encrypted, and encrypts that anew', () => {
    const old = one.encrypt('a secret text');
    const next = randomBytes(32);
    const rotated = encryption(next, key);
    expect(rotated.decrypt(old)).toBe('a secret text');
    const renewed = rotated.renew(old);
    expect(encryption(next).decrypt(renewed!)).toBe('a secret text');
    for (const text of [renewed!, encryption(randomBytes(32)).encrypt('x'), 'plain', ''])
      expect(rotated.renew(text)).toBeUndefined();
    expect(encryption(next).renew(old)).toBeUndefined();
    expect(() => rotated.decrypt(encryption(randomBytes(32)).encrypt('x'))).toThrow(/DATA_KEY/);
  });

  it('says which variable is missing', () => {
    expect(() => encryption().encrypt('text')).toThrow(ConfigError);
    expect(() => encryption().decrypt(one.encrypt('text'))).toThrow(ConfigError);
  });
});
