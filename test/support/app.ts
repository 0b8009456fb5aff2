/**
 * The end-to-end harness: each suite gets the built app, as a process of its own on a database of its own.
 *
 *   import { startApp, type TestApp } from './support/app.js';
 *   import { expectProblem } from './support/http.js';
 *
 *   describe('revoking a client', () => {
 *     let app: TestApp;
 *     beforeAll(async () => { app = await startApp(); });
 *
 *     it('binds the next request', async () => {
 *       const admin = await app.admin();                       // signed in as the first administrator
 *       const client = await app.createClient();               // {id, email, password, body, signIn()}
 *       const session = await client.signIn();
 *       expect((await session.get('/auth/me')).status).toBe(200);
 *       await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
 *       expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
 *     });
 *   });
 *
 * - Name the suite test/NAME.e2e-spec.ts; it runs on SQLite and on PostgreSQL: `npm test -- NAME`, one database by
 *   `npm test -- NAME --sqlite`. `app.dialect` says which, for the rare difference.
 * - Nothing needs closing: after the suite every app is sent SIGTERM and the suite fails if one had died by itself,
 *   does not end, or ends with another code than 0; then its database is dropped.
 * - Paths are below /api/v1 (`app.get('/clients')`); others by `app.raw('GET', '/health/ready')`; bytes that are no
 *   HTTP by `app.wire(…)`. Bodies come back parsed in `reply.body`.
 * - The clock: `await app.clock.set('2030-01-31T12:00:00.000Z')` freezes it, `advance(ms)` moves it, `reset()` gives
 *   it back. Sessions of before may be over then: `app.admin()` signs in again by itself.
 * - Faults: `app.kill()` (kill −9), `app.stop()` (SIGTERM, returns the exit code), `app.start()` again on the same
 *   database; a second replica: `startApp({ database: app.database })` (PostgreSQL); the command line beside it:
 *   `app.cli(['audit', 'verify', '--json'])`; rows: `app.sql('SELECT … WHERE id = ?', [id])`.
 * - `app.logs` are its log lines, parsed; `app.output` is all it wrote; they arrive a moment after the answer, so
 *   `await app.flushLogs()` first. `app.stats()` counts password computations.
 */
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAfterSuite, closed } from './cleanup.js';
import { freshDatabase, type Dialect, type Row, type TestDatabase } from './database.js';
import { Http, type Reply } from './http.js';
import { clientInput, demoInput, newPassword, userInput } from './inputs.js';

const ROOT = join(import.meta.dirname, '../..');

type Environment = Record<string, string | undefined>;

export interface AppOptions {
  /** Over the harness's own environment; `undefined` takes a variable away. */
  env?: Environment;
  /** Another app's database: the app becomes a replica of it. */
  database?: TestDatabase;
  /** The instant at which the clock stands from the start. */
  at?: string | Date;
  /** Whether to wait for /health/ready (true), or only until it listens. */
  ready?: boolean;
  /** The root of another release, built (release.mjs), to run in place of this one. */
  release?: string;
}

/** Starts an app and waits until it is ready. See the head of this file. */
export async function startApp(options: AppOptions = {}): Promise<TestApp> {
  const app = new TestApp(options.database ?? (await freshDatabase()), options);
  await app.start();
  return app;
}

export interface LogLine extends Record<string, unknown> {
  level?: string | number;
  msg?: string;
}

/** An account as a suite has made it. */
export interface Account {
  id: string;
  email: string;
  password: string;
  /** The answer to the POST that made it. */
  body: Reply['body'];
  signIn(): Promise<Session>;
}

/** A signed-in caller. */
export class Session extends Http {
  constructor(
    server: ConstructorParameters<typeof Http>[0],
    public accessToken: string,
    public refreshToken: string,
    readonly account: Reply['body'],
  ) {
    super(server, () => this.accessToken);
  }
}

export class TestApp extends Http {
  readonly dialect: Dialect;
  readonly env: Environment;
  /** All that the process wrote to stdout and stderr, since its first start. */
  output = '';
  private child: ChildProcess | undefined;
  /** Where it listens, such as http://127.0.0.1:41234. */
  url = '';
  /** Where it hands out its metrics, such as http://127.0.0.1:41235/metrics; '' while it does not. */
  metricsUrl = '';
  private agent = new Agent({ keepAlive: true });
  private adminSession: Session | undefined;
  private readonly waiting = new Map<number, (result: unknown) => void>();
  private lastCommand = 0;

  constructor(
    readonly database: TestDatabase,
    private readonly options: AppOptions,
  ) {
    super(() => ({ url: this.url, agent: this.agent }));
    this.dialect = database.dialect;
    this.env = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      DATABASE_URL: database.roles?.app ?? database.url,
      ...(database.roles && { DATABASE_MIGRATION_URL: database.roles.owner }),
      JWT_SECRET: randomBytes(48).toString('base64'),
      DATA_KEY: randomBytes(32).toString('base64'),
      // Background jobs run where a suite asks for them: `app.cli(['jobs', 'run', NAME])`, or a tick of its own.
      JOBS_TICK_MS: '0',
      ADMIN_EMAIL: 'admin@example.com',
      ADMIN_PASSWORD: newPassword(),
      ...options.env,
    };
  }

  private get root(): string {
    return this.options.release ?? ROOT;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The log, a parsed line each; lines that are no JSON are only in `output`. */
  get logs(): LogLine[] {
    return this.output.split('\n').flatMap((line) => {
      try {
        return line.startsWith('{') ? [JSON.parse(line) as LogLine] : [];
      } catch {
        return [];
      }
    });
  }

  /** Starts it, also again after `stop` or `kill`: same environment and database, another port. */
  async start(): Promise<void> {
    if (this.running) throw new Error('The app is running already');
    this.agent = new Agent({ keepAlive: true });
    this.adminSession = undefined;
    const { at } = this.options;
    const child = fork(join(this.root, 'test/support/app-process.mjs'), {
      cwd: this.database.folder,
      env: definedOf({ ...this.env, TEST_CLOCK: at && new Date(at).toISOString() }),
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    closeAfterSuite(this, () => this.close());
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.url = await new Promise<string>((resolve, reject) => {
      child.on('message', (message: { ready?: string; metrics?: string; id?: number; result?: unknown }) => {
        if (message.ready) this.metricsUrl = message.metrics ?? '';
        if (message.ready) resolve(message.ready.replace('//localhost', '//127.0.0.1'));
        else this.waiting.get(message.id ?? 0)?.(message.result);
      });
      child.once('error', reject);
      child.once('close', (code, signal) => {
        reject(new Error(`The app did not start (${signal ?? code}):\n${this.tail()}`));
      });
    });
    if (this.options.ready ?? true) {
      await this.untilReady();
      // In production the first administrator is made beside the traffic, not before it.
      if (this.env.ADMIN_EMAIL)
        await until(async () => (await this.sql('SELECT id FROM users LIMIT 1')).length > 0);
    }
  }

  /** Waits for /health/ready to answer 200. */
  async untilReady(timeoutMs = 15_000): Promise<void> {
    let last = '';
    const ready = async (): Promise<boolean> => {
      const reply = await this.raw('GET', '/health/ready').catch(String);
      last = typeof reply === 'string' ? reply : reply.text;
      return typeof reply !== 'string' && reply.status === 200;
    };
    await until(ready, timeoutMs).catch(() => {
      throw new Error(`The app is not ready after ${timeoutMs} ms: ${last}\n${this.tail()}`);
    });
  }

  /** SIGTERM; returns the exit code. Throws, and kills it, when it has not ended within `timeoutMs`. */
  async stop(timeoutMs = 10_000): Promise<number | null> {
    const child = this.child;
    if (!child || !this.running) throw new Error(`The app had ended by itself:\n${this.tail()}`);
    closed(this);
    const ended = once(child, 'close');
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.kill('SIGTERM');
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    clearTimeout(late);
    this.agent.destroy();
    if (signal === 'SIGKILL') throw new Error(`The app did not end on SIGTERM:\n${this.tail()}`);
    return code;
  }

  /** kill −9. */
  async kill(): Promise<void> {
    closed(this);
    if (this.child && this.running) {
      const ended = once(this.child, 'close');
      this.child.kill('SIGKILL');
      await ended;
    }
    this.agent.destroy();
  }

  private async close(): Promise<void> {
    const code = await this.stop();
    if (code !== 0) throw new Error(`The app ended with code ${code}, not 0:\n${this.tail()}`);
  }

  /** What it said last, without the harness's own questions. */
  private tail(): string {
    const lines = this.output.split('\n').filter((line) => !line.includes('"/health/ready"'));
    return lines.slice(-30).join('\n');
  }

  private command<T>(command: string, value?: unknown): Promise<T> {
    const id = ++this.lastCommand;
    return new Promise((resolve, reject) => {
      if (!this.child || !this.running) {
        reject(new Error('The app is not running'));
        return;
      }
      this.waiting.set(id, (result) => {
        this.waiting.delete(id);
        resolve(result as T);
      });
      this.child.send({ id, command, value });
    });
  }

  /** The instant the app believes it is. Timers (`setInterval`) go on by the machine's clock. */
  readonly clock = {
    /** Freezes it at an instant. */
    set: (instant: string | Date): Promise<void> => this.moveClock('set', new Date(instant).toISOString()),
    /** Moves it, frozen or running. */
    advance: (milliseconds: number): Promise<void> => this.moveClock('advance', milliseconds),
    /** Back to the machine's clock. */
    reset: (): Promise<void> => this.moveClock('reset'),
    now: async (): Promise<Date> => new Date(await this.command<string>('now')),
  };

  private async moveClock(command: string, value?: unknown): Promise<void> {
    await this.command(command, value);
    this.adminSession = undefined;
  }

  /** How many passwords were hashed and verified since the start. */
  stats(): Promise<{ hashes: number; verifications: number }> {
    return this.command('stats');
  }

  /** Waits until all that the app has logged so far is in `output` and `logs`: before a look at what is not there. */
  async flushLogs(): Promise<void> {
    const line = `flushed ${randomBytes(8).toString('hex')}\n`;
    await this.command('mark', line.trimEnd());
    await until(() => this.output.includes(line));
    this.output = this.output.replace(line, '');
  }

  /** See `TestDatabase.sql`. */
  sql<T = Row>(statement: string, parameters?: readonly unknown[]): Promise<T[]> {
    return this.database.sql<T>(statement, parameters);
  }

  /** Runs `ecatalog ARGS` in the app's environment; `input` is its standard input. */
  cli(args: readonly string[], options: { env?: Environment; input?: string } = {}): Promise<CliResult> {
    const env = { ...this.env, ...options.env };
    return runCli(args, { ...options, env, cwd: this.database.folder, release: this.root });
  }

  /** Signs in; throws when that fails. For the failure itself, POST to /auth/login. */
  async signIn(email: string, password: string): Promise<Session> {
    const { body } = await answered(200, this.post('/auth/login', { email, password }));
    return new Session(
      () => ({ url: this.url, agent: this.agent }),
      body.accessToken,
      body.refreshToken,
      body.account,
    );
  }

  /** The first administrator, signed in; the same session until the clock is moved or the app restarted. */
  async admin(): Promise<Session> {
    this.adminSession ??= await this.signIn(String(this.env.ADMIN_EMAIL), String(this.env.ADMIN_PASSWORD));
    return this.adminSession;
  }

  /** Makes a client with a password, active for 30 days unless `fields` say otherwise. */
  createClient(fields: Record<string, unknown> = {}): Promise<Account> {
    return this.createAccount('/clients', clientInput(fields));
  }

  /** Makes a user, a viewer unless `fields` say otherwise. */
  createUser(fields: Record<string, unknown> = {}): Promise<Account> {
    return this.createAccount('/users', userInput(fields));
  }

  private async createAccount(path: string, input: { email: string; password: string }): Promise<Account> {
    const admin = await this.admin();
    const { body } = await answered(201, admin.post(path, input));
    const { email, password } = input;
    return { id: body.id, email, password, body, signIn: () => this.signIn(email, password) };
  }

  /** Makes a demo and publishes it, unless told to leave it a draft; returns the demo. */
  async createDemo(fields: Record<string, unknown> = {}, { publish = true } = {}): Promise<Reply['body']> {
    const admin = await this.admin();
    const { body } = await answered(201, admin.post('/demos', demoInput(fields)));
    return publish ? (await answered(200, admin.post(`/demos/${body.id}/publish`))).body : body;
  }

  /** Grants a demo to a client, in the client's own window unless one is given. */
  async grant(
    clientId: string,
    demoId: string,
    window: { startsAt?: string; endsAt?: string } = {},
  ): Promise<void> {
    const admin = await this.admin();
    const reply = await admin.put(`/clients/${clientId}/demos/${demoId}`, window);
    if (reply.status >= 300) throw new Error(`The grant was answered ${reply.status}: ${reply.text}`);
  }
}

/** Waits until `holds` answers true; throws after `timeoutMs`. */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`It did not come to be within ${timeoutMs} ms: ${String(holds)}`);
    await sleep(20);
  }
}

/** The reply, when its status is the one expected; else an error that shows it. */
export async function answered(status: number, request: Promise<Reply>): Promise<Reply> {
  const reply = await request;
  if (reply.status !== status)
    throw new Error(`Answered ${reply.status} instead of ${status}: ${reply.text}`);
  return reply;
}

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
  /** stdout parsed, where it is JSON. */
  json: Reply['body'];
}

/** Runs the built command line; never throws for its exit code. */
export function runCli(
  args: readonly string[],
  {
    env,
    cwd,
    input = '',
    release = ROOT,
  }: { env: Environment; cwd: string; input?: string; release?: string },
): Promise<CliResult> {
  const cli = join(release, 'dist/src/cli.js');
  return new Promise((resolve) => {
    const options = { cwd, env: definedOf({ PATH: process.env.PATH, ...env }), maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(process.execPath, [cli, ...args], options, (error, stdout, stderr) => {
      let json: unknown;
      try {
        json = JSON.parse(stdout);
      } catch {
        json = undefined;
      }
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
      resolve({ code, stdout, stderr, json });
    });
    child.stdin?.on('error', () => undefined).end(input);
  });
}

function definedOf(env: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}
