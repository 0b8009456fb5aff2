import { Injectable } from '@nestjs/common';
import { createTransport } from 'nodemailer';
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
  private readonly from: string;
  private readonly transporter;

  constructor({ smtp }: AppConfig) {
    this.from = smtp?.from ?? '';
    this.transporter =
      smtp &&
      createTransport({ url: smtp.url, ...TIMEOUTS, disableFileAccess: true, disableUrlAccess: true });
  }

  /** Whether there is one. */
  get isThere(): boolean {
    return this.transporter !== undefined;
  }

  /**
   * Hands a mail over; done when the server has taken it.
   * @param id the same at each attempt: where one was taken without our hearing of it, receivers know the second
   * @throws what nodemailer throws; `faultOf` reads it
   */
  async send(id: string, to: { name: string; address: string }, mail: ComposedMail): Promise<void> {
    if (!this.transporter) throw new Error('SMTP_URL is not set.');
    const host = /@([^>\s]+)/.exec(this.from)?.[1] ?? 'localhost';
    await this.transporter.sendMail({
      from: this.from,
      to,
      ...mail,
      messageId: `<${id}@${host}>`,
      // RFC 3834: nobody's out-of-office answers.
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  }
}
