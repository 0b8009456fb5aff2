import { after, DAY, HOUR, MINUTE, SECOND } from '../common/clock.js';
import { faultOf, faultText, nextAttempt } from './mail.rules.js';

const createdAt = new Date('2026-11-21T12:00:00.000Z');

describe('faultOf', () => {
  it.each([
    [{ code: 'ECONNECTION' }, 'server'],
    [{ code: 'ESOCKET', errno: -111 }, 'server'],
    [{ code: 'ETIMEDOUT' }, 'server'],
    [{ code: 'EAUTH', responseCode: 535 }, 'server'],
    [{ code: 'EENVELOPE', command: 'MAIL FROM', responseCode: 553 }, 'server'],
    [{ code: 'EENVELOPE', command: 'RCPT TO', responseCode: 421 }, 'server'],
    [{ code: 'EENVELOPE', command: 'RCPT TO', responseCode: 550 }, 'mail'],
    [{ code: 'EMESSAGE', responseCode: 451 }, 'mail'],
    [new TypeError('a mistake in a text must not hold the others up'), 'mail'],
  ])('%p concerns the %s', (error, fault) => {
    expect(faultOf(error)).toBe(fault);
  });
});

describe('nextAttempt', () => {
  it.each([
    ['server', 1, 15 * SECOND],
    ['server', 2, 30 * SECOND],
    ['server', 3, MINUTE],
    ['server', 6, 5 * MINUTE],
    ['server', 5000, 5 * MINUTE],
    ['mail', 1, 30 * SECOND],
    ['mail', 2, 2 * MINUTE],
    ['mail', 5, 128 * MINUTE],
    ['mail', 7, 12 * HOUR],
  ] as const)('of the %s, after %i attempts, waits %i ms', (fault, attempts, wait) => {
    expect(nextAttempt(fault, { attempts, createdAt }, createdAt)).toEqual(after(createdAt, wait));
  });

  it('gives up after five days', () => {
    const mail = { attempts: 9, createdAt };
    expect(nextAttempt('mail', mail, after(createdAt, 5 * DAY - 1))).toBeDefined();
    expect(nextAttempt('mail', mail, after(createdAt, 5 * DAY))).toBeUndefined();
  });
});

describe('faultText', () => {
  it('is one storable line', () => {
    expect(faultText({ response: '550 5.1.1\r\nno \u0000such user \ud800', message: 'other' })).toBe(
      '550 5.1.1 no such user \ufffd',
    );
    expect(faultText(new Error('x'.repeat(900)))).toHaveLength(500);
  });
});
