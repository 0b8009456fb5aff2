import { after, DAY, HOUR, MINUTE, SECOND } from '../common/clock.js';

/** After so long a mail is given up, as mail servers do (RFC 5321, 4.5.4.1). */
const GIVE_UP = 5 * DAY;

/** Whom an error concerns: the server, and so every mail, or this one. */
export type MailFault = 'server' | 'mail';

/** Waits double or quadruple from the first to the longest. */
const waits: Record<MailFault, { first: number; factor: number; longest: number }> = {
  server: { first: 15 * SECOND, factor: 2, longest: 5 * MINUTE },
  mail: { first: 30 * SECOND, factor: 4, longest: 12 * HOUR },
};

/** Nodemailer's codes of a server that is not there or takes nobody. */
const SERVER_CODES = new Set([
  'ECONNECTION',
  'ETIMEDOUT',
  'ESOCKET',
  'EDNS',
  'ETLS',
  'EREQUIRETLS',
  'EPROTOCOL',
  'EAUTH',
  'ENOAUTH',
  'EPROXY',
]);

/** Tells whom an error of nodemailer concerns. A refused sender is refused for every mail. */
export function faultOf(error: unknown): MailFault {
  const { code, command, responseCode } = error as { code?: string; command?: string; responseCode?: number };
  const isServers = SERVER_CODES.has(code ?? '') || command === 'MAIL FROM' || responseCode === 421;
  return isServers ? 'server' : 'mail';
}

/**
 * Decides when a mail that failed is tried again.
 * @param attempts so far, the failed one included
 * @returns the instant, or undefined when it is given up
 */
export function nextAttempt(
  fault: MailFault,
  { attempts, createdAt }: { attempts: number; createdAt: Date },
  now: Date,
): Date | undefined {
  if (now >= after(createdAt, GIVE_UP)) return undefined;
  const { first, factor, longest } = waits[fault];
  return after(now, Math.min(first * factor ** Math.min(attempts - 1, 20), longest));
}

/** Returns what is kept of an error: one line that both databases can store. */
export function faultText(error: unknown): string {
  const { response, message } = error as { response?: string; message?: string };
  return (response ?? message ?? 'unknown')
    .toWellFormed()
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 500);
}
