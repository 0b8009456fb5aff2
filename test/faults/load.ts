/**
 * What the faults are borne under: callers who do everyday work at the same time, and a count of what they were
 * answered. `npm run test:faults` takes the full measure of each fault, `npm test` a short one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { answered, type Account, type Session, type TestApp } from '../support/app.js';
import { clientInput, unique } from '../support/inputs.js';
import type { Reply } from '../support/http.js';

/** The measure of this run. */
export function measure<T>(short: T, full: T): T {
  return process.env.FAULTS === 'full' ? full : short;
}

/** One thing a caller does, and the statuses that are right for it. */
interface Step {
  name: string;
  right: number[];
  run: () => Promise<Reply>;
}

export interface Outcome {
  /** How many answers were right. */
  right: number;
  /** 503, with the problem's slug. */
  unavailable: number;
  /** Whatever else came: other answers, and connections that broke. */
  wrong: string[];
  slowestMs: number;
}

/** The people who do it. */
export class Callers {
  /** Ids of the clients whose creation was acknowledged. */
  private readonly acknowledged: string[] = [];

  private constructor(
    private readonly app: TestApp,
    private readonly admin: Session,
    private readonly clients: { account: Account; session: Session }[],
    private readonly demos: string[],
  ) {}

  static async at(app: TestApp, { clients = 6, demos = 4 } = {}): Promise<Callers> {
    const made = [];
    for (let index = 0; index < demos; index += 1)
      made.push((await app.createDemo({ title: `Fleet ${index} ${unique()}` })).id as string);
    const people = [];
    for (let index = 0; index < clients; index += 1) {
      const account = await app.createClient();
      for (const demo of made) await app.grant(account.id, demo);
      people.push({ account, session: await account.signIn() });
    }
    return new Callers(app, await app.admin(), people, made);
  }

  /** Works with so many hands until told to stop. */
  work(hands: number): { outcome: Outcome; stop: () => Promise<Outcome> } {
    const outcome: Outcome = { right: 0, unavailable: 0, wrong: [], slowestMs: 0 };
    let stopped = false;
    const going = () => !stopped;
    const all = Array.from({ length: hands }, async (_, hand) => {
      for (let turn = 0; going(); turn += 1) {
        for (const step of this.errand(hand, turn)) {
          if (!going()) return;
          await this.take(step, outcome);
        }
      }
    });
    const stop = async () => {
      stopped = true;
      await Promise.all(all);
      return outcome;
    };
    return { outcome, stop };
  }

  private async take({ name, right, run }: Step, outcome: Outcome): Promise<void> {
    const began = performance.now();
    try {
      const reply = await run();
      if (right.includes(reply.status)) {
        outcome.right += 1;
      } else if (reply.status === 503 && reply.body?.type === 'urn:ecatalog:problem:unavailable') {
        outcome.unavailable += 1;
        await sleep(20);
      } else outcome.wrong.push(`${name}: ${reply.status} ${reply.text.slice(0, 300)}`);
    } catch (error) {
      outcome.wrong.push(`${name}: ${String(error)}`);
      await sleep(20);
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - began);
    // A person reads the answer; and the test's own process shares the machine.
    await sleep(1);
  }

  /** What one hand does in one turn. Of two hands of one client only the first closes what it opened. */
  private *errand(hand: number, turn: number): Generator<Step> {
    const { admin, app } = this;
    const { account, session } = this.clients[hand % this.clients.length]!;
    const demo = this.demos[turn % this.demos.length]!;
    const get = (who: Session, path: string): Step => ({
      name: `GET ${path}`,
      right: [200],
      run: () => who.get(path),
    });
    let opened: string | undefined;
    yield get(session, '/demos?search=fleet&limit=20');
    yield {
      name: 'open',
      right: [200, 201],
      run: async () => {
        const reply = await session.post(`/demos/${demo}/open`);
        opened = reply.body?.demoSessionId as string | undefined;
        return reply;
      },
    };
    if (opened !== undefined && hand < this.clients.length) {
      const path = `/demo-sessions/${opened}`;
      yield { name: 'heartbeat', right: [204], run: () => session.post(`${path}/heartbeat`) };
      yield { name: 'close', right: [200], run: () => session.post(`${path}/close`) };
    }
    yield get(session, `/demos/${demo}`);
    yield get(session, '/auth/me');
    if (turn % 3 === 0) {
      yield get(admin, '/clients?limit=20');
      yield get(admin, '/analytics/overview');
      yield get(admin, '/audit?limit=20');
    }
    if (turn % 4 === 0) yield* this.aNewClient();
    if (turn % 25 === 24)
      yield {
        name: 'sign in',
        right: [200],
        run: () => app.post('/auth/login', { email: account.email, password: account.password }),
      };
  }

  private *aNewClient(): Generator<Step> {
    const { admin } = this;
    let made: string | undefined;
    yield {
      name: 'create a client',
      right: [201],
      run: async () => {
        const reply = await admin.post('/clients', clientInput({ password: undefined }));
        if (reply.status === 201) made = reply.body.id as string;
        return reply;
      },
    };
    if (made === undefined) return;
    this.acknowledged.push(made);
    const path = `/clients/${made}`;
    yield {
      name: 'edit it',
      right: [200],
      run: () => admin.patch(path, { company: 'Other' }, { ifMatch: 1 }),
    };
    yield {
      name: 'revoke it',
      right: [200],
      run: () => admin.post(`${path}/revoke`, { reason: 'A drill' }),
    };
  }

  /** Expects that everything acknowledged is stored, and that the audit chain is whole. */
  async expectNothingLost(): Promise<void> {
    const rows = await this.app.sql<{ id: string }>('SELECT id FROM clients');
    const stored = new Set(rows.map(({ id }) => id));
    expect(this.acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    const { body } = await answered(200, (await this.app.admin()).get('/audit/verify'));
    expect(body).toMatchObject({ valid: true });
  }
}
