/** A real SMTP server for the suites: what it took is in `mails`, and it can be down for a while. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { closeAfterSuite } from './cleanup.js';

/** A mail as it arrived. */
export interface ReceivedMail {
  from: string;
  to: string;
  subject: string;
  headers: Record<string, string>;
  text: string;
  html: string;
  raw: string;
}

export interface MailServer {
  url: string;
  /** In the order of arrival. */
  mails: ReceivedMail[];
  /** The answer to a recipient, such as `550 no such user`; undefined takes it. May be replaced. */
  refuse: (recipient: string) => string | undefined;
  /** How many connections were made. */
  connections: number;
  mailsTo(address: string): ReceivedMail[];
  up(): Promise<void>;
  down(): Promise<void>;
}

/** Starts a mail server, or with `up: false` only keeps a port for it. */
export async function startMailServer({ up = true } = {}): Promise<MailServer> {
  const port = await freePort();
  let server: SMTPServer | undefined;
  const mailServer: MailServer = {
    url: `smtp://127.0.0.1:${port}`,
    mails: [],
    refuse: () => undefined,
    connections: 0,
    mailsTo: (address) => mailServer.mails.filter(({ to }) => to === address),
    async up() {
      server = new SMTPServer({
        disabledCommands: ['AUTH', 'STARTTLS'],
        onConnect: (_session, done) => {
          mailServer.connections += 1;
          done();
        },
        onRcptTo: ({ address }, _session, done) => {
          const [, code, text] = /^(\d+) (.*)$/.exec(mailServer.refuse(address) ?? '') ?? [];
          done(code ? Object.assign(new Error(text), { responseCode: Number(code) }) : undefined);
        },
        onData: (stream, { envelope }, done) => {
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.once('end', () => {
            const from = envelope.mailFrom ? envelope.mailFrom.address : '';
            const to = envelope.rcptTo.map(({ address }) => address).join();
            mailServer.mails.push({ from, to, ...parsed(Buffer.concat(chunks).toString('utf8')) });
            done();
          });
        },
      });
      server.on('error', () => undefined);
      server.listen(port, '127.0.0.1');
      await once(server.server, 'listening');
    },
    async down() {
      const closing = server;
      server = undefined;
      if (closing) await new Promise<void>((resolve) => closing.close(resolve));
    },
  };
  if (up) await mailServer.up();
  closeAfterSuite(mailServer, () => mailServer.down());
  return mailServer;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('No port');
  return address.port;
}

/** Takes apart what nodemailer makes: headers and the two parts of multipart/alternative. */
function parsed(raw: string): Omit<ReceivedMail, 'from' | 'to'> {
  const { headers, body } = part(raw);
  const boundary = /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1] ?? '';
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((text) => part(text.replace(/^\r\n/, '')));
  const content = (type: string) => parts.find(({ headers: h }) => h['content-type']?.startsWith(type));
  return {
    subject: words(headers.subject ?? ''),
    headers,
    text: content('text/plain')?.body ?? '',
    html: content('text/html')?.body ?? '',
    raw,
  };
}

function part(text: string): { headers: Record<string, string>; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const lines = text.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const headers = Object.fromEntries(
    lines.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (headers['content-type']?.startsWith('multipart/')) return { headers, body };
  return { headers, body: decoded(body, headers['content-transfer-encoding']) };
}

function decoded(body: string, encoding = ''): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return body.replaceAll('\r\n', '\n');
  return quotedPrintable(body.replace(/=\r\n/g, '')).replaceAll('\r\n', '\n');
}

function quotedPrintable(text: string): string {
  const bytes = text.replace(/=([\dA-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Encoded words of a header (RFC 2047). */
function words(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(word, 'base64').toString('utf8')
        : quotedPrintable(word.replaceAll('_', ' ')),
    );
}
