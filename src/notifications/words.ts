import type { Language } from '../auth/accounts.js';
import type {
  LinkTemplate,
  MailedLink,
  NotificationKind,
  NotificationParams,
} from './notification-params.js';
import { english } from './words.en.js';
import { portuguese } from './words.pt.js';

/** A title, which is also a mail's subject, and a sentence or two. */
export interface Told {
  title: string;
  text: string;
}

/** What a text needs beside its params. */
export interface Wording {
  /** An instant as people of this language write it, in UTC. */
  instant: (value: Date | string) => string;
  /** `A, B and C`. */
  list: (items: readonly string[]) => string;
  /** The client that the text is about; undefined once erased. */
  client?: string;
}

/** Every text in one language; the compiler sees to it that none is missing in another. */
export interface Words {
  locale: string;
  kinds: { [K in NotificationKind]: (params: NotificationParams[K], wording: Wording) => Told };
  links: { [T in LinkTemplate]: (link: MailedLink, wording: Wording) => Told & { button: string } };
  mail: {
    greeting(name: string): string;
    closing: string;
    openCatalog: string;
    /** Beside a button that does not work in every mail program. */
    orCopy: string;
    /** Where no PUBLIC_URL is set: the bare token and the call that takes it. */
    bareToken(call: string): string;
  };
}

export const words: Record<Language, Words> = { en: english, pt: portuguese };

/** Returns what the texts of one language share, for a text about `client` where it is about one. */
export function wordingOf(language: Language, client?: string): Wording {
  const { locale } = words[language];
  const instants = new Intl.DateTimeFormat(locale, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  const lists = new Intl.ListFormat(locale);
  return {
    instant: (value) => `${instants.format(new Date(value))} UTC`,
    list: (items) => lists.format(items),
    ...(client !== undefined && { client }),
  };
}

/** Returns the text of a notification in a language. */
export function tellIn<K extends NotificationKind>(
  language: Language,
  kind: K,
  params: NotificationParams[K],
  client?: string,
): Told {
  return words[language].kinds[kind](params, wordingOf(language, client));
}
