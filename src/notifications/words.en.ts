import type { Words } from './words.js';

const noteOf = (note: string | null | undefined) => (note ? ` Note: “${note}”` : '');

export const english: Words = {
  locale: 'en-GB',
  kinds: {
    'request-received': ({ request, days, demoTitles = [] }, { list, client = 'A client erased since' }) =>
      request === 'renewal'
        ? {
            title: 'A client asks for more time',
            text: `${client} asks for ${days === 1 ? 'one more day' : `${days ?? 'some'} more days`} of access.`,
          }
        : { title: 'A client asks for demos', text: `${client} asks for access to ${list(demoTitles)}.` },
    'request-decided': (
      { request, decision, accessEndsAt, demoTitles = [], refusedTitles = [], note },
      { instant, list },
    ) => {
      if (decision === 'rejected') {
        const what = request === 'renewal' ? 'more time' : 'demos';
        return {
          title: `Your request for ${what} was not approved`,
          text: `Your request for ${what} was not approved.${noteOf(note)}`,
        };
      }
      if (request === 'renewal') {
        const end = accessEndsAt === undefined ? '' : ` Your access now ends on ${instant(accessEndsAt)}.`;
        return {
          title: 'You have more time',
          text: `Your request for more time was approved.${end}${noteOf(note)}`,
        };
      }
      const refused = refusedTitles.length > 0 ? ` Not approved: ${list(refusedTitles)}.` : '';
      return {
        title: decision === 'approved' ? 'Your demos are open' : 'Some of your demos are open',
        text: `Open to you now: ${list(demoTitles)}.${refused}${noteOf(note)}`,
      };
    },
    'access-ending': ({ accessEndsAt, days }, { instant }) => ({
      title: days === 1 ? 'Your access ends within a day' : `Your access ends in ${days} days`,
      text: `Your access to the demo catalog ends on ${instant(accessEndsAt)}. If you need more time, sign in and ask for a renewal.`,
    }),
    'access-ended': ({ accessEndsAt }, { instant }) => ({
      title: 'Your access has ended',
      text: `Your access to the demo catalog ended on ${instant(accessEndsAt)}. You can still sign in and ask for a renewal.`,
    }),
    'password-changed': ({ at }, { instant }) => ({
      title: 'Your password was changed',
      text: `The password of your account was changed on ${instant(at)}, and your other sessions were ended. If that was not you, tell an administrator at once.`,
    }),
  },
  links: {
    invitation: ({ expiresAt }, { instant }) => ({
      title: 'Your invitation to the LTP Labs demo catalog',
      text: `You are invited to the LTP Labs demo catalog. Choose a password and your account is ready. The link works once, until ${instant(expiresAt)}.`,
      button: 'Choose a password',
    }),
    'password-reset': ({ expiresAt }, { instant }) => ({
      title: 'Choose a new password',
      text: `Somebody, we hope you, asked for a new password for your account. The link works once, until ${instant(expiresAt)}. If it was not you, do nothing: your password stays as it is.`,
      button: 'Choose a new password',
    }),
  },
  mail: {
    greeting: (name) => `Hello ${name},`,
    closing: 'Kind regards, LTP Labs',
    openCatalog: 'Open the catalog',
    orCopy: 'Or copy this address into your browser:',
    bareToken: (call) => `Your token, for ${call}:`,
  },
};
