import { languages } from '../auth/accounts.js';
import { composeMail, type MailContent } from './mail.composer.js';

const accessEndsAt = '2026-12-01T12:00:00.000Z';
const told: MailContent[] = [
  {
    template: 'request-received',
    params: { requestId: 'r', clientId: 'c', request: 'renewal', days: 30 },
  },
  {
    template: 'request-received',
    params: { requestId: 'r', clientId: 'c', request: 'access', demoTitles: ['CRM', 'ERP', 'BI'] },
  },
  {
    template: 'request-decided',
    params: { requestId: 'r', request: 'renewal', decision: 'approved', accessEndsAt, note: 'Enjoy' },
  },
  {
    template: 'request-decided',
    params: {
      requestId: 'r',
      request: 'access',
      decision: 'partly-approved',
      demoTitles: ['CRM'],
      refusedTitles: ['ERP'],
    },
  },
  {
    template: 'request-decided',
    params: { requestId: 'r', request: 'access', decision: 'rejected', note: 'Not yet' },
  },
  { template: 'access-ending', params: { accessEndsAt, days: 7 } },
  { template: 'access-ended', params: { accessEndsAt } },
  { template: 'password-changed', params: { at: accessEndsAt } },
];
const link = { token: 'tok', expiresAt: accessEndsAt, url: 'https://x.example/invitation?token=tok&a=b' };
const links: MailContent[] = [
  { template: 'invitation', link },
  { template: 'password-reset', link },
];

describe('composeMail', () => {
  it.each(languages.flatMap((language) => [...told, ...links].map((content) => ({ language, content }))))(
    'fills every gap: $language $content.template',
    ({ language, content }) => {
      const mail = composeMail(content, { name: 'Ana', language, client: 'Rui (Lda)' });
      for (const text of Object.values(mail)) {
        expect(text).not.toMatch(/undefined|null|\[object|Invalid|<%|%>/);
        expect(text.trim()).not.toBe('');
      }
      expect(mail.subject).not.toContain('\n');
      expect(mail.html).toContain(`<html lang="${language}">`);
    },
  );

  it('is what a person reads', () => {
    const english = composeMail(told[1]!, { name: 'Ana', language: 'en', client: 'Rui (Lda)' });
    expect(english.text).toBe(
      'Hello Ana,\n\nRui (Lda) asks for access to CRM, ERP and BI.\n\nKind regards, LTP Labs\n',
    );
    const portuguese = composeMail(told[5]!, {
      name: 'Ana',
      language: 'pt',
      publicUrl: 'https://catalog.example.com',
    });
    expect(portuguese.subject).toBe('O seu acesso termina dentro de 7 dias');
    expect(portuguese.text).toContain('termina em 1 de dezembro de 2026 às 12:00 UTC');
    expect(portuguese.text).toContain('Abrir o catálogo:\nhttps://catalog.example.com\n');
  });

  it('escapes what stands in the HTML, the link too', () => {
    const { html, text } = composeMail(links[0]!, { name: '<b>"&\'', language: 'en' });
    expect(html).toContain('Hello &lt;b&gt;&quot;&amp;&#39;,');
    expect(html).toContain('href="https://x.example/invitation?token=tok&amp;a=b"');
    expect(text).toContain('Hello <b>"&\',');
  });

  it('shows the bare token and its call where there is no page', () => {
    const { text, html } = composeMail(
      { template: 'password-reset', link: { token: 'tok', expiresAt: accessEndsAt } },
      { name: 'Ana', language: 'pt' },
    );
    for (const shown of [text, html]) {
      expect(shown).toContain('POST /api/v1/auth/password-resets/confirm');
      expect(shown).toContain('tok');
    }
  });

  it('tells of a client who was erased since without a name', () => {
    expect(composeMail(told[0]!, { name: 'Ana', language: 'en' }).text).toContain(
      'A client erased since asks for 30 more days of access.',
    );
  });
});
