import type { Words } from './words.js';

const noteOf = (note: string | null | undefined) => (note ? ` Nota: «${note}»` : '');

export const portuguese: Words = {
  locale: 'pt-PT',
  kinds: {
    'request-received': (
      { request, days, demoTitles = [] },
      { list, client = 'Um cliente entretanto apagado' },
    ) =>
      request === 'renewal'
        ? {
            title: 'Um cliente pede mais tempo',
            text: `${client} pede mais ${days === 1 ? 'um dia' : `${days ?? 'alguns'} dias`} de acesso.`,
          }
        : { title: 'Um cliente pede demonstrações', text: `${client} pede acesso a ${list(demoTitles)}.` },
    'request-decided': (
      { request, decision, accessEndsAt, demoTitles = [], refusedTitles = [], note },
      { instant, list },
    ) => {
      if (decision === 'rejected') {
        const what = request === 'renewal' ? 'mais tempo' : 'demonstrações';
        return {
          title: `O seu pedido de ${what} não foi aprovado`,
          text: `O seu pedido de ${what} não foi aprovado.${noteOf(note)}`,
        };
      }
      if (request === 'renewal') {
        const end =
          accessEndsAt === undefined ? '' : ` O seu acesso termina agora em ${instant(accessEndsAt)}.`;
        return {
          title: 'Tem mais tempo',
          text: `O seu pedido de mais tempo foi aprovado.${end}${noteOf(note)}`,
        };
      }
      const refused = refusedTitles.length > 0 ? ` Não aprovadas: ${list(refusedTitles)}.` : '';
      return {
        title:
          decision === 'approved'
            ? 'As suas demonstrações estão disponíveis'
            : 'Algumas das suas demonstrações estão disponíveis',
        text: `Já disponíveis para si: ${list(demoTitles)}.${refused}${noteOf(note)}`,
      };
    },
    'access-ending': ({ accessEndsAt, days }, { instant }) => ({
      title:
        days === 1 ? 'O seu acesso termina dentro de um dia' : `O seu acesso termina dentro de ${days} dias`,
      text: `O seu acesso ao catálogo de demonstrações termina em ${instant(accessEndsAt)}. Se precisar de mais tempo, inicie sessão e peça uma renovação.`,
    }),
    'access-ended': ({ accessEndsAt }, { instant }) => ({
      title: 'O seu acesso terminou',
      text: `O seu acesso ao catálogo de demonstrações terminou em ${instant(accessEndsAt)}. Ainda pode iniciar sessão e pedir uma renovação.`,
    }),
    'password-changed': ({ at }, { instant }) => ({
      title: 'A sua palavra-passe foi alterada',
      text: `A palavra-passe da sua conta foi alterada em ${instant(at)} e as suas outras sessões foram terminadas. Se não foi você, avise de imediato um administrador.`,
    }),
  },
  links: {
    invitation: ({ expiresAt }, { instant }) => ({
      title: 'O seu convite para o catálogo de demonstrações da LTP Labs',
      text: `Tem um convite para o catálogo de demonstrações da LTP Labs. Escolha uma palavra-passe e a sua conta fica pronta. A ligação funciona uma só vez, até ${instant(expiresAt)}.`,
      button: 'Escolher uma palavra-passe',
    }),
    'password-reset': ({ expiresAt }, { instant }) => ({
      title: 'Escolha uma nova palavra-passe',
      text: `Alguém, esperamos que você, pediu uma nova palavra-passe para a sua conta. A ligação funciona uma só vez, até ${instant(expiresAt)}. Se não foi você, não faça nada: a sua palavra-passe fica como está.`,
      button: 'Escolher uma nova palavra-passe',
    }),
  },
  mail: {
    greeting: (name) => `Olá, ${name}!`,
    closing: 'Com os melhores cumprimentos, LTP Labs',
    openCatalog: 'Abrir o catálogo',
    orCopy: 'Ou copie este endereço para o seu navegador:',
    bareToken: (call) => `O seu código, para ${call}:`,
  },
};
