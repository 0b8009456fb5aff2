import { connected } from '../../test/support/data-source.js';
import { freshDatabase } from '../../test/support/database.js';
import { AuditService } from '../audit/audit.service.js';
import { Client } from '../clients/client.entity.js';
import { Clock, DAY } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Lists } from '../common/pagination.js';
import { Signer } from '../common/signer.js';
import { loadConfig } from '../config/app-config.js';
import { entities } from '../database/entities.js';
import { ReplicaDatabase } from '../database/replica.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { Demo } from '../demos/demo.entity.js';
import type { SettingsService } from '../settings/settings.service.js';
import { bucketsOf, bucketSizes, type Days, startOfDay } from './analytics.rules.js';
import { AnalyticsService } from './analytics.service.js';
import { UsageUpkeep } from './usage-upkeep.service.js';
import { dayOf } from './usage-upkeep.rules.js';
import { UsageService } from './usage.service.js';

const FIRST = Date.parse('2026-08-20T00:00:00.000Z');
const SPAN = 90;
const LAST = FIRST + (SPAN - 1) * DAY;

class FixedClock extends Clock {
  override now(): Date {
    return new Date(LAST + DAY / 2);
  }
}

interface Open {
  demoId: string;
  clientId: string;
  at: Date;
  seconds: number;
}

/** The same in every run: what fails once fails again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('analytics over random usage', () => {
  const random = randomNumbers(7);
  const opens: Open[] = [];
  const titles = new Map<string, string>();
  let uow: UnitOfWork;
  let analytics: AnalyticsService;
  let upkeep: UsageUpkeep;

  beforeAll(async () => {
    const database = await connected({ database: await freshDatabase(), entities });
    ({ uow } = database);
    const config = loadConfig({ JWT_SECRET: 'Zm9yIHRoZSBzdWl0ZSB0aGF0IGNvdW50cyB1c2FnZQ' }, 'command');
    const clock = new FixedClock();
    const settings = { get: () => Promise.resolve([]) } as unknown as SettingsService;
    const replica = new ReplicaDatabase(database.dataSource, config);
    analytics = new AnalyticsService(replica, new Lists(uow, new Signer(config)), settings, clock);
    upkeep = new UsageUpkeep(uow, clock, new AuditService(uow, clock));
    const ids = await people(25, 20);
    const usage = new UsageService(uow);
    for (let turn = 0; turn < 700; turn += 1) {
      // Some demos and clients are used more than others, one of each rarely; not in the order of time.
      const of = (list: string[]) => list[Math.min(random(list.length), random(list.length))]!;
      const late = random(4) === 0 ? random(SPAN) : Math.floor((turn / 700) * SPAN);
      const at = new Date(FIRST + late * DAY + random(DAY));
      const seconds = random(900);
      const session = { id: newId(), demoId: of(ids.demos), clientId: of(ids.clients), openedAt: at };
      await uow.run(() => usage.record([{ kind: 'opened', at, session }]));
      const ended = new Date(at.getTime() + seconds * 1000);
      await uow.run(() => usage.record([{ kind: 'ended', at: ended, session, durationSeconds: seconds }]));
      opens.push({ ...session, at, seconds });
    }
  });

  async function people(clientCount: number, demoCount: number) {
    const stamps = { version: 1, createdAt: new Date(FIRST), updatedAt: new Date(FIRST) };
    const clients = Array.from({ length: clientCount }, () => newId());
    const demos = Array.from({ length: demoCount }, () => newId());
    await uow.run(async (em) => {
      for (const [number, id] of clients.entries())
        await em.insert(Client, {
          ...{ id, name: `Client ${number}`, email: `client${number}@example.com`, language: 'en' },
          ...{
            searchText: '',
            accessStartsAt: new Date(FIRST),
            accessEndsAt: new Date(LAST + DAY),
            ...stamps,
          },
        });
      for (const [number, id] of demos.entries()) {
        titles.set(id, `Demo ${number}`);
        await em.insert(Demo, {
          ...{ id, slug: id, title: `Demo ${number}`, summary: 'Demo', category: 'demo', tags: [] },
          ...{ status: 'published', launchKind: 'link', launchUrl: 'https://demo.example.com' },
          ...{ searchText: 'demo', ...stamps },
        });
      }
    });
    return { clients, demos };
  }

  const within = ({ first, last }: Days) => opens.filter(({ at }) => dayOf(at) >= first && dayOf(at) <= last);
  const counted = (some: Open[]) => ({
    opens: some.length,
    uniqueClients: new Set(some.map(({ clientId }) => clientId)).size,
    durationSeconds: some.reduce((sum, { seconds }) => sum + seconds, 0),
  });
  const grouped = (some: Open[], key: 'demoId' | 'clientId') =>
    [...new Set(some.map((open) => open[key]))].map((id) => {
      const own = some.filter((open) => open[key] === id);
      const lastOpenedAt = new Date(Math.max(...own.map(({ at }) => at.getTime())));
      return { id, ...counted(own), lastOpenedAt };
    });

  /** Periods of every length: in the middle, to the last day and behind it, before the first. */
  const periods = Array.from({ length: 40 }, (_, number): Days => {
    const from = random(SPAN + 6) - 3;
    const days = number % 4 === 0 ? 1 : 1 + random(SPAN);
    const day = (offset: number) => dayOf(new Date(FIRST + offset * DAY));
    return { first: day(from), last: day(number % 3 === 0 ? Math.max(from, SPAN - 1) : from + days - 1) };
  });
  const queryOf = ({ first, last }: Days) => ({
    from: startOfDay(first),
    to: new Date(startOfDay(last).getTime() + DAY),
  });

  async function expectAllExact(): Promise<void> {
    for (const days of periods) {
      const [some, period] = [within(days), queryOf(days)];
      const demos = grouped(some, 'demoId');
      const clients = grouped(some, 'clientId');
      const order = (by: 'opens' | 'uniqueClients' | 'durationSeconds', rows: typeof demos) =>
        [...rows].sort((a, b) => b[by] - a[by] || (a.id < b.id ? 1 : -1));
      const demoRow = ({ id, ...row }: (typeof demos)[number]) => ({
        demoId: id,
        title: titles.get(id),
        ...row,
      });
      const clientRow = ({ id, opens: count, durationSeconds, lastOpenedAt }: (typeof demos)[number]) =>
        expect.objectContaining({ clientId: id, opens: count, durationSeconds, lastOpenedAt }) as unknown;

      const overview = await analytics.overview(period);
      const { durationSeconds, ...sums } = counted(some);
      expect(overview).toMatchObject({ ...sums, totalDurationSeconds: durationSeconds });
      expect(overview.topDemos).toEqual(order('opens', demos).slice(0, 5).map(demoRow));
      expect(overview.topClients).toEqual(order('opens', clients).slice(0, 5).map(clientRow));
      for (const sort of ['opens', 'uniqueClients', 'durationSeconds'] as const) {
        const query = { ...period, sort: `-${sort}`, limit: 2 };
        const page = await analytics.demos(query);
        expect(page.total).toBe(demos.length);
        expect(page.items).toEqual(order(sort, demos).slice(0, 2).map(demoRow));
        if (page.nextCursor === null) continue;
        const next = await analytics.demos({ ...query, cursor: page.nextCursor });
        expect(next.items).toEqual(order(sort, demos).slice(2, 4).map(demoRow));
        expect(next.total).toBe(demos.length);
      }
      const page = await analytics.clients({ ...period, limit: 5 });
      expect(page.total).toBe(clients.length);
      expect(page.items).toEqual(order('opens', clients).slice(0, 5).map(clientRow));
      const last = await analytics.clients({ ...period, limit: 50, sort: '-lastOpenedAt' });
      const latest = [...clients].sort((a, b) => b.lastOpenedAt.getTime() - a.lastOpenedAt.getTime());
      expect(last.items).toEqual(latest.map(clientRow));
      for (const bucket of bucketSizes) {
        const { buckets } = await analytics.opens({ ...period, bucket });
        expect(buckets).toEqual(
          bucketsOf(days, bucket)!.map((one) => ({ start: startOfDay(one.start), ...counted(within(one)) })),
        );
      }
    }
  }

  it('numbers are those of a count of all opens, whatever the period', expectAllExact);

  it('what an earlier release left out is found and repaired, and then they are again', async () => {
    await uow.execute('DELETE FROM "usage_client_buckets"');
    await uow.execute('UPDATE "usage_demo_balances" SET "last_clients" = 0');
    const { repaired } = await upkeep.recount(SPAN);
    expect(repaired.length).toBeGreaterThan(0);
    await expectAllExact();
    expect((await upkeep.recount(SPAN)).repaired).toEqual([]);
  });
});
