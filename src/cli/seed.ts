import type { INestApplicationContext } from '@nestjs/common';
import { AccountTokensService } from '../auth/account-tokens.service.js';
import { CredentialsService } from '../auth/credentials.service.js';
import { PasswordsService } from '../auth/passwords.service.js';
import { UsersService } from '../auth/users.service.js';
import { ClientAccessService } from '../clients/client-access.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { after, Clock, DAY, HOUR, MINUTE } from '../common/clock.js';
import { newSecret } from '../common/ids.js';
import { withRequestContext } from '../common/request-context.js';
import type { AppConfig } from '../config/app-config.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import { DemosService } from '../demos/demos.service.js';
import { OpeningService } from '../demos/opening.service.js';
import { ImagesService } from '../images/images.service.js';
import { RequestsService } from '../requests/requests.service.js';
import { withServices } from './context.js';
import { CommandError, type Output } from './output.js';
import { type SampleClient, sampleClients, sampleDemos, sampleImages, sampleUsers } from './sample.js';

/** The clock of the sample: it is moved through the months that are acted out. */
class StageClock extends Clock {
  private at: Date | undefined;

  override now(): Date {
    return this.at ?? super.now();
  }

  set(at: Date | undefined): void {
    this.at = at;
  }
}

/** Loads the sample catalog. @throws CommandError in production, unless forced */
export async function seed(output: Output, { force }: { force?: boolean }): Promise<void> {
  const clock = new StageClock();
  await withServices(async (services, config) => {
    if (config.production && !force) {
      throw new CommandError('This is production. Load sample data here only with --force.');
    }
    const made = await new Stage(services, clock, output).play();
    output.result(made, summary(made));
  }, onStage(clock));
}

/** Loads the sample beside a server that has just started; returns a line for the person who reads its start. */
export async function loadSample(output: Output, config: AppConfig): Promise<string> {
  if (config.production) throw new CommandError('This is production: use `ecatalog seed --force`.');
  const clock = new StageClock();
  return withServices(
    async (services) => summary(await new Stage(services, clock, output).play()),
    onStage(clock),
  );
}

/** Nobody in the sample is there to be mailed. */
const onStage = (clock: Clock) => ({ clock, mail: false });

interface Made {
  users: number;
  images: number;
  demos: number;
  clients: number;
  demoSessions: number;
  /** Signs all sample accounts of this run in; kept nowhere. */
  password?: string;
}

function summary({ users, images, demos, clients, demoSessions, password }: Made): string {
  if (password === undefined) return 'The sample catalog is there already.';
  return (
    `${users} users, ${clients} clients, ${demos} demos, ${images} images, ${demoSessions} demo sessions. ` +
    `Their password: ${password} (shown this once)`
  );
}

/** Acts three months out through the product's own services, so that history, audit and rollups are what they would be. */
class Stage {
  private readonly today: Date;
  private readonly made: Made = { users: 0, images: 0, demos: 0, clients: 0, demoSessions: 0 };

  constructor(
    private readonly services: INestApplicationContext,
    private readonly clock: StageClock,
    private readonly output: Output,
  ) {
    this.today = clock.now();
  }

  /** Makes what is not there yet; each part is there whole or not at all. */
  async play(): Promise<Made> {
    const password = newSecret().slice(0, 20);
    try {
      const author = await this.users(password);
      await withRequestContext(
        { requestId: null, ip: null, userAgent: null, actor: { kind: 'user', id: author } },
        async () => {
          const images = await this.images();
          const demos = await this.demos(images);
          for (const client of sampleClients) await this.client(client, demos, password);
        },
      );
    } finally {
      this.clock.set(undefined);
    }
    const anything = Object.values(this.made).some((count) => count > 0);
    return { ...this.made, ...(anything && { password }) };
  }

  private async users(password: string): Promise<string> {
    const credentials = this.services.get(CredentialsService);
    let author: string | undefined;
    for (const user of sampleUsers) {
      this.clock.set(this.day(-90));
      const account = await credentials.findByEmail(user.email);
      const id = account?.userId ?? (await this.services.get(UsersService).create({ ...user, password })).id;
      if (!account) this.made.users += 1;
      author ??= id;
    }
    return author!;
  }

  private async images(): Promise<string[]> {
    const images = this.services.get(ImagesService);
    const known = (await images.list({ limit: 100 })).items;
    const ids: string[] = [];
    for (const image of sampleImages) {
      const there = known.find(({ description }) => description === image.description);
      this.clock.set(this.day(-89));
      ids.push(there?.id ?? (await images.create(image)).id);
      if (!there) this.made.images += 1;
    }
    return ids;
  }

  private async demos(images: string[]): Promise<string[]> {
    const demos = this.services.get(DemosService);
    const uow = this.services.get(UnitOfWork);
    const ids: string[] = [];
    for (const { title, summary, category, tags, launch, published } of sampleDemos) {
      const [there] = await uow.query<{ id: string }>('SELECT "id" FROM "demos" WHERE "title" = :title', {
        title,
      });
      if (there) {
        ids.push(there.id);
        continue;
      }
      this.clock.set(this.day(-88));
      const id = await uow.run(async () => {
        const demo = await demos.create({
          title,
          summary,
          category,
          tags,
          launch:
            typeof launch === 'string'
              ? { kind: 'link', url: launch }
              : { kind: 'container', imageId: images[launch]!, port: 8080 },
        });
        if (published) await demos.publish(demo.id, undefined);
        return demo.id;
      });
      ids.push(id);
      this.made.demos += 1;
    }
    return ids;
  }

  private async client(client: SampleClient, demos: string[], password: string): Promise<void> {
    const { name, email, company, language, grants } = client;
    if (await this.services.get(CredentialsService).findByEmail(email)) return;
    this.output.progress(`Acting out ${name} …`);
    const passwordHash = await this.services
      .get(PasswordsService)
      .hashNew(password, { owner: 'client', terms: [name, email, company] });
    // One unit a client: killed in between, the next run finds nothing of it and makes it whole.
    await this.services.get(UnitOfWork).run(async () => {
      this.clock.set(this.day(client.created));
      const { id } = await this.services.get(ClientsService).create({
        name,
        email,
        company,
        language,
        accessStartsAt: this.day(client.starts),
        accessEndsAt: this.day(client.ends),
        demoIds: grants.map((index) => demos[index]!),
      });
      const ref = { kind: 'client', id } as const;
      await this.services.get(CredentialsService).setPassword(ref, passwordHash);
      await this.services.get(AccountTokensService).removeAll(ref);
      await this.usage(client, id, demos);
      await this.request(client, id, demos);
      if (client.revoked !== undefined) {
        this.clock.set(this.day(client.revoked));
        await this.services.get(ClientAccessService).revoke(id, 'The evaluation ended early', undefined);
      }
    });
    this.made.clients += 1;
  }

  private async usage(
    { starts, ends, revoked, grants, perWeek }: SampleClient,
    id: string,
    demos: string[],
  ): Promise<void> {
    const sessions = this.services.get(DemoSessionsService);
    const me = { kind: 'client', id, sessionId: '', status: 'active' } as const;
    const last = Math.min(ends, revoked ?? ends, 0);
    const open = grants.filter((index) => typeof sampleDemos[index]!.launch === 'string');
    if (open.length === 0) return;
    const wanted = Math.floor(((last - starts) / 7) * perWeek);
    for (let turn = 0; turn < wanted; turn += 1) {
      // Spread over the days and the working hours, the same at every load.
      const day = starts + Math.floor((turn * 7) / perWeek);
      const opened = after(this.day(day), (turn % 8) * HOUR + ((turn * 17) % 60) * MINUTE);
      if (day >= last) break;
      this.clock.set(opened);
      const demoId = demos[open[turn % open.length]!]!;
      const { answer } = await this.services.get(OpeningService).open(demoId, id);
      this.clock.set(after(opened, MINUTE));
      await sessions.heartbeat(answer.demoSessionId, me);
      this.clock.set(after(opened, (5 + ((turn * 13) % 24)) * MINUTE));
      await sessions.close(answer.demoSessionId, me);
      this.made.demoSessions += 1;
    }
  }

  /** An expired client asks for time; one who is active asks for another demo. */
  private async request(client: SampleClient, clientId: string, demos: string[]): Promise<void> {
    const kind = client.ends < 0 ? ('renewal' as const) : ('access' as const);
    if (client.revoked !== undefined || client.perWeek === 0) return;
    this.clock.set(this.day(Math.min(client.ends, -1)));
    const other = sampleDemos.findIndex((demo, index) => demo.published && !client.grants.includes(index));
    const asked =
      kind === 'renewal'
        ? { kind, days: 30, message: 'We would like to show it to our board.' }
        : { kind, demoIds: [demos[other]!], message: 'This one would help us too.' };
    const me = { kind: 'client', id: clientId } as const;
    await withRequestContext({ requestId: null, ip: null, userAgent: null, actor: me }, () =>
      this.services.get(RequestsService).ask(clientId, asked),
    );
  }

  /** Nine in the morning (UTC) of a day before or after today. */
  private day(offset: number): Date {
    const midnight = new Date(Math.floor(this.today.getTime() / DAY) * DAY);
    return after(midnight, offset * DAY + 9 * HOUR);
  }
}
