import { MAX_LENGTH, passwordFault } from './password.rules.js';

const ana = ['Ana Sousa', 'ana.sousa@example.com', 'Lighthouse Lda'];

describe('passwordFault', () => {
  it.each([
    ['a lower-case phrase', 'violet harbour quiet lamp'],
    ['digits alone, if there is no order in them', '830174629503816'],
    ['Cyrillic', 'сиреневая-гавань-лампа'],
    ['Chinese', '紫色港口安静的灯光照亮夜空海浪声'],
    ['emoji', '🔑🌊🏠🎈🍋🚲🎻🐳🌵🧭🪁🎲🧩🪴🛶'],
    ['spaces at both ends', '  violet harbour lamp  '],
    ['the name beside enough of one’s own', 'ana-violet-harbour-lamp'],
    ['128 characters', [...'violet harbour quiet lamp 7 '.repeat(5)].slice(0, 128).join('')],
  ])('takes %s', (_, password) => {
    expect(passwordFault(password, 'user', ana)).toBeUndefined();
  });

  it.each([
    ['14 characters', 'violet harbour', 'at least 15'],
    ['14 emoji, which are 28 units', '🔑🌊🏠🎈🍋🚲🎻🐳🌵🧭🪁🎲🧩🪴', 'at least 15'],
    ['129 characters', 'violet harbour '.repeat(9).slice(0, 129), 'longer than 128'],
    ['a common one', 'passwordpassword', 'common'],
    ['one letter', 'aaaaaaaaaaaaaaaaaaaa', 'common'],
    ['a row of keys', 'qwertyuiopasdfghjkl', 'common'],
    ['the alphabet', 'abcdefghijklmnopqrst', 'common'],
    ['digits in order', '123456789012345678', 'common'],
    ['a common one in other letters', 'P@ssw0rdP@ssw0rd', 'common'],
    ['a common one in full width', 'ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ', 'common'],
    ['the e-mail', 'ana.sousa@example.com', 'made of'],
    ['the e-mail, upper case', 'ANA.SOUSA@EXAMPLE.COM', 'made of'],
    ['the name with a year', 'AnaSousa-AnaSousa-2026', 'made of'],
    ['the company with digits', 'Lighthouse-Lda-1234', 'made of'],
  ])('refuses %s', (_, password, fault) => {
    expect(passwordFault(password, 'user', ana)).toMatch(fault);
  });

  it('asks 12 characters of a client, 15 of a user', () => {
    const password = 'violet-7-lamp';
    expect(passwordFault(password, 'client', ana)).toBeUndefined();
    expect(passwordFault(password, 'user', ana)).toMatch('at least 15');
  });

  it('never takes long', () => {
    const hard = ['a', 'ab', 'password', '1qaz', 'é', '🔑', 'ﷺ', '\u0000'].map((piece) =>
      piece.repeat(MAX_LENGTH).slice(0, MAX_LENGTH),
    );
    const terms = [...ana, 'a'.repeat(200), 'x y z '.repeat(30)];
    // Of this process alone: a busy machine makes it wait, not work.
    const began = process.cpuUsage();
    for (const password of hard) passwordFault(password, 'user', terms);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).toBeLessThan(5000);
  });
});
