import { emailKey, fold, likeContaining, searchable } from './text.js';

describe('emailKey', () => {
  it.each([
    ['Ana@Example.COM', 'ana@example.com'],
    [' ana@example.com\t', 'ana@example.com'],
    ['\u212aim@example.com', 'kim@example.com'],
    ['ＫＩＭ@example.com', 'kim@example.com'],
    ['\ufb01lip@example.com', 'filip@example.com'],
    ['e\u0301va@example.com', '\u00e9va@example.com'],
    ['STRASSE@example.com', 'strasse@example.com'],
  ])('of %s is %s', (email, key) => {
    expect(emailKey(email)).toBe(key);
  });

  it('of a key is itself', () => {
    for (let code = 0x20; code < 0x3000; code += 1) {
      const email = `a${String.fromCodePoint(code)}b@example.com`;
      expect([code, emailKey(emailKey(email))]).toEqual([code, emailKey(email)]);
    }
  });
});

describe('searching', () => {
  it('folds both sides the same', () => {
    expect(fold('ÉCOLE Ⅻ ﬁ')).toBe('école xii fi');
  });

  it('matches %, _ and \\ literally', () => {
    expect(likeContaining('50%_\\A')).toBe('%50\\%\\_\\\\a%');
  });

  it('cuts by characters, never in the middle of one', () => {
    expect(searchable(4, 'ab', null, '', undefined, '🔑c')).toBe('ab\n🔑');
  });
});
