import { Injectable } from '@nestjs/common';
import type { Transporter } from 'nodemailer';
import { SECOND } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import type { ComposedMail } from './mail.composer.js';

/** A server that says nothing for so long is as good as down. */
const TIMEOUTS = {
  dnsTimeout: 10 * SECOND,
  connectionTimeout: 10 * SECOND,
  greetingTimeout: 10 * SECOND,
  socketTimeout: 30 * SECOND,
};

/** The mail server of SMTP_URL. */
@Injectable()
export class MailTransport {
  private readonly smtp: AppConfig['smtp'];
  private transporter?: Promise<Transporter>;

  constructor({ smtp }: AppConfig) {
    this.smtp = smtp;
  }

  /** Whether there is one. */
  get isThere(): boolean {
    return this.smtp !== undefined;
  }

  /**
   * Hands a mail over; done when the server has taken it.
   * @param id the same at each attempt: where one was taken without our hearing of it, receivers know the second
   * @throws what nodemailer throws; `faultOf` reads it
   */
  async send(id: string, to: { name: string; address: string }, mail: ComposedMail): Promise<void> {
    if (!this.smtp) throw new Error('SMTP_URL is not set.');
    const { url, from } = this.smtp;
    const host = /@([^>\s]+)/.exec(from)?.[1] ?? 'localhost';
    const transporter = await (this.transporter ??= transporterOf(url));
    await transporter.sendMail({
      from,
      to,
      ...mail,
      messageId: `<${id}@${host}>`,
      // RFC 3834: nobody's out-of-office answers.
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  }
}

/** Loaded with the first mail: its 40 modules are no part of the start. */
async function transporterOf(url: string): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  return createTransport({ url, ...TIMEOUTS, disableFileAccess: true, disableUrlAccess: true });
}
