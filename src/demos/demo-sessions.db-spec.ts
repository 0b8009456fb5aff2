import { connected } from '../../test/support/data-source.js';
import { freshDatabase, type TestDatabase } from '../../test/support/database.js';
import { UsageService } from '../analytics/usage.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Client } from '../clients/client.entity.js';
import { Clock, MINUTE } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Lists } from '../common/pagination.js';
import { entities } from '../database/entities.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSession } from './demo-session.entity.js';
import { clocksFrom } from './demo-sessions.rules.js';
import { DemoSessionsService } from './demo-sessions.service.js';
import { Demo } from './demo.entity.js';

const opened = new Date('2027-03-01T12:00:00.000Z');
const later = new Date(opened.getTime() + 6 * MINUTE);

class FixedClock extends Clock {
  override now(): Date {
    return later;
  }
}

/** One replica of the service on a database. */
async function replica(database: TestDatabase): Promise<{ uow: UnitOfWork; sessions: DemoSessionsService }> {
  const { uow } = await connected({ database, entities });
  const clock = new FixedClock();
  const sessions = new DemoSessionsService(
    uow,
    clock,
    undefined as unknown as Lists,
    new AuditService(uow, clock),
    new UsageService(uow),
  );
  return { uow, sessions };
}

async function openSession(uow: UnitOfWork, activationMinutes: number): Promise<string> {
  const [id, clientId, demoId] = [newId(), newId(), newId()];
  const stamps = { version: 1, createdAt: opened, updatedAt: opened };
  const accessEndsAt = new Date(opened.getTime() + 999 * MINUTE);
  await uow.run(async (em) => {
    await em.insert(Client, {
      id: clientId,
      name: 'Ana',
      email: 'ana@example.com',
      language: 'en',
      searchText: 'ana',
      accessStartsAt: opened,
      accessEndsAt,
      ...stamps,
    });
    await em.insert(Demo, {
      id: demoId,
      slug: demoId,
      title: 'Demo',
      summary: 'Demo',
      category: 'demo',
      tags: [],
      status: 'published',
      launchKind: 'link',
      launchUrl: 'https://demo.example.com',
      searchText: 'demo',
      ...stamps,
    });
    const windows = { clientEndsAt: accessEndsAt, grantStartsAt: null, grantEndsAt: null };
    const clocks = clocksFrom(opened, { activationMinutes, idleMinutes: 30, maxMinutes: 480 }, windows);
    await em.insert(DemoSession, { id, clientId, demoId, ...clocks });
  });
  return id;
}

describe('settling sessions that a clock has ended', () => {
  it('writes each end once, the oldest first, at most so many at a time', async () => {
    const { uow, sessions } = await replica(await freshDatabase());
    const [second, first, third, live] = [
      await openSession(uow, 3),
      await openSession(uow, 2),
      await openSession(uow, 6),
      await openSession(uow, 7),
    ];
    expect(await sessions.settleLapsed(2)).toBe(2);
    const ended = async () =>
      (
        await uow.query<{ id: string }>(
          'SELECT id FROM demo_sessions WHERE ended_at IS NOT NULL ORDER BY ended_at',
        )
      ).map(({ id }) => id);
    expect(await ended()).toEqual([first, second]);
    expect(await sessions.settleLapsed(2)).toBe(1);
    expect(await sessions.settleLapsed(2)).toBe(0);
    expect(await ended()).toEqual([first, second, third]);
    expect(await ended()).not.toContain(live);

    const row = await uow.manager.findOneByOrFail(DemoSession, { id: third });
    expect(row).toMatchObject({ endReason: 'not-activated', endedAt: later });
    const events = await uow.query(
      'SELECT duration_seconds AS seconds FROM usage_analytics ORDER BY duration_seconds',
    );
    expect(events).toEqual([{ seconds: 120 }, { seconds: 180 }, { seconds: 360 }]);
    // One entry a run, naming all that it ended; none for the run that found nothing.
    expect(await uow.query('SELECT action FROM audit_log ORDER BY seq')).toEqual(
      Array(2).fill({ action: 'demo-session.ended' }),
    );
  });

  it('on two replicas at once writes each once', async () => {
    const database = await freshDatabase();
    const one = await replica(database);
    const replicas = database.dialect === 'postgres' ? [one, await replica(database)] : [one, one];
    for (let count = 0; count < 12; count += 1) await openSession(one.uow, 1);
    const settled: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      settled.push(...(await Promise.all(replicas.map(({ sessions }) => sessions.settleLapsed(4)))));
    }
    expect(settled.reduce((sum, count) => sum + count)).toBe(12);
    const [{ count } = { count: 0 }] = await one.uow.query<{ count: number }>(
      'SELECT count(*) AS count FROM usage_analytics',
      {},
      { count: 'integer' },
    );
    expect(count).toBe(12);
  });
});
