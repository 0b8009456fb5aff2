import { Eta } from 'eta';
import type { Language } from '../auth/accounts.js';
import { htmlTemplate, type MailView, plainTemplate } from './mail.templates.js';
import {
  type LinkTemplate,
  linkTemplates,
  type MailedLink,
  type NotificationKind,
  type NotificationParams,
} from './notification-params.js';
import { tellIn, type Told, wordingOf, words } from './words.js';

/** What a mail is made of: names are looked up when it is sent. */
export type MailContent =
  | { template: LinkTemplate; link: MailedLink }
  | { template: NotificationKind; params: NotificationParams[NotificationKind] };

/** To whom it goes, and the names that stand in it. */
export interface MailFacts {
  name: string;
  language: Language;
  /** The client that it is about. */
  client?: string;
  publicUrl?: string;
}

export interface ComposedMail {
  subject: string;
  text: string;
  html: string;
}

/** Where a bare token is used, when no front end has a page for it. */
const calls: Record<LinkTemplate, string> = {
  invitation: 'POST /api/v1/auth/invitations/accept',
  'password-reset': 'POST /api/v1/auth/password-resets/confirm',
};

const plain = new Eta({ autoEscape: false, autoTrim: false });
const renderPlain = plain.compile(plainTemplate).bind(plain);
const html = new Eta({ autoEscape: true, autoTrim: [false, 'nl'] });
const renderHtml = html.compile(htmlTemplate).bind(html);

/** Returns a mail as plain text and as HTML, in the recipient's language. */
export function composeMail(content: MailContent, facts: MailFacts): ComposedMail {
  const { mail } = words[facts.language];
  const { title, text, ...action } = 'link' in content ? linkMail(content, facts) : toldMail(content, facts);
  const view: MailView = {
    language: facts.language,
    title,
    greeting: mail.greeting(facts.name),
    text,
    ...action,
    closing: mail.closing,
  };
  return { subject: title, text: renderPlain(view), html: renderHtml(view) };
}

type Body = Told & Pick<MailView, 'link' | 'token'>;

function linkMail({ template, link }: { template: LinkTemplate; link: MailedLink }, facts: MailFacts): Body {
  const { links, mail } = words[facts.language];
  const { button, ...told } = links[template](link, wordingOf(facts.language));
  return link.url === undefined
    ? { ...told, token: { label: mail.bareToken(calls[template]), value: link.token } }
    : { ...told, link: { url: link.url, label: button, orCopy: mail.orCopy } };
}

function toldMail(
  { template, params }: { template: NotificationKind; params: NotificationParams[NotificationKind] },
  { language, client, publicUrl }: MailFacts,
): Body {
  return {
    ...tellIn(language, template, params, client),
    ...(publicUrl !== undefined && { link: { url: publicUrl, label: words[language].mail.openCatalog } }),
  };
}

/** Tells whether a stored template is one of a single-use link. */
export function isLinkTemplate(template: string): template is LinkTemplate {
  return (linkTemplates as readonly string[]).includes(template);
}
