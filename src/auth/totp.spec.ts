import { newRecoveryCode, newTotpSecret, plainRecoveryCode, totpStep, totpUrl } from './totp.js';

/** RFC 6238, appendix B: the ASCII secret 12345678901234567890, SHA-1; the last six of its eight digits. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const vectors: [number, string][] = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
];
const at = (seconds: number) => new Date(seconds * 1000);

describe('one-time codes', () => {
  it.each(vectors)('are those of RFC 6238 at %i s', (seconds, code) => {
    expect(totpStep(SECRET, code, at(seconds))).toBe(Math.floor(seconds / 30));
  });

  it('are good one step before and after, and name their own step', () => {
    const [seconds, code] = vectors[3]!;
    const step = Math.floor(seconds / 30);
    expect(totpStep(SECRET, code, at((step - 1) * 30))).toBe(step);
    expect(totpStep(SECRET, code, at((step + 2) * 30 - 0.001))).toBe(step);
    expect(totpStep(SECRET, code, at((step - 1) * 30 - 0.001))).toBeUndefined();
    expect(totpStep(SECRET, code, at((step + 2) * 30))).toBeUndefined();
  });

  it.each(['', '0', '28708', '2870822', 'abcdef', '２８７０８２', '287082x', '-87082', '287083'])(
    'are not %j',
    (code) => expect(totpStep(SECRET, code, at(59))).toBeUndefined(),
  );

  it('may be typed in groups', () => {
    expect(totpStep(SECRET, ' 287 082 ', at(59))).toBe(1);
  });

  it('have secrets of 160 bits, different each time', () => {
    const secrets = Array.from({ length: 20 }, newTotpSecret);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(new Set(secrets).size).toBe(20);
  });

  it('have an address that names product and account', () => {
    const url = new URL(totpUrl(SECRET, 'ana+x@example.com'));
    expect(url.protocol).toBe('otpauth:');
    expect(decodeURIComponent(url.href)).toContain('totp/LTP Labs E-Catalog:ana+x@example.com');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      issuer: 'LTP Labs E-Catalog',
      secret: SECRET,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});

describe('recovery codes', () => {
  it('are sixteen letters of thirty-two, different each time', () => {
    const codes = Array.from({ length: 200 }, newRecoveryCode);
    for (const code of codes) expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$/);
    expect(new Set(codes).size).toBe(200);
    expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
  });

  it('are the same however they are typed', () => {
    const code = '01ab-cd10-efgh-jkmn';
    for (const typed of [code, code.toUpperCase(), ' 01ab cd10 EFGH jkmn', 'olabcdioefghjkmn'])
      expect(plainRecoveryCode(typed)).toBe('01abcd10efghjkmn');
  });
});
