import {
  accountByClientId,
  accountByEmailKey,
  accountByUserId,
  sessionById,
} from '../src/auth/auth.queries.js';
import { chainHead, entriesAfter } from '../src/audit/audit.queries.js';
import { clientList } from '../src/clients/clients.queries.js';
import { Clock } from '../src/common/clock.js';
import { ListQuery, Lists, type Page } from '../src/common/pagination.js';
import { Signer } from '../src/common/signer.js';
import { loadConfig } from '../src/config/app-config.js';
import { entities } from '../src/database/entities.js';
import type { ColumnTypes, PreparedQuery, SqlParameters, SqlText } from '../src/database/sql.js';
import { textFor } from '../src/database/sql.js';
import { UnitOfWork } from '../src/database/unit-of-work.js';
import { heartbeat, liveCounts, oneSession, opening } from '../src/demos/demo-sessions.queries.js';
import { catalogDemoBy, demoBy } from '../src/demos/demos.queries.js';
import { DemosService } from '../src/demos/demos.service.js';
import { connected, type Connected } from './support/data-source.js';
import { freshDatabase } from './support/database.js';
import { costlySteps, planOf } from './support/plans.js';

const id = '019aa5b0-0000-7000-8000-000000000000';
const now = new Date('2026-11-21T12:00:00.000Z');
const parameters = {
  id,
  key: id,
  sessionId: id,
  clientId: id,
  demoId: id,
  emailKey: 'ana@example.com',
  now,
  seq: 0,
  limit: 500,
};

/** Notes what a list asks of the database. */
class WatchedUnitOfWork extends UnitOfWork {
  readonly asked: [SqlText, SqlParameters][] = [];

  override query<Row>(sql: SqlText, given: SqlParameters = {}, types: ColumnTypes<Row> = {}): Promise<Row[]> {
    this.asked.push([sql, given]);
    return super.query(sql, given, types);
  }
}

/** The queries that every request, or the most frequent ones, pay for (analytics has its own such suite). */
describe('the plans of the hot queries', () => {
  let database: Connected;

  beforeAll(async () => {
    database = await connected({ database: await freshDatabase(), entities });
    for (let number = 1; number <= 3; number += 1) {
      await database.database.sql(
        `INSERT INTO demos (id, slug, title, summary, category, tags, status, launch_kind, launch_url, search_text,
           version, created_at, updated_at)
         VALUES (?, ?, 'Demo', 'A demo.', 'maps', '[]', 'published', 'link', 'https://demo.example', 'demo', 1,
           '2026-11-21 12:00:00.000', '2026-11-21 12:00:00.000')`,
        [id.replace(/.$/, String(number)), `demo-${number}`],
      );
    }
  });

  it.each<[string, PreparedQuery<unknown>]>([
    ['the session of a request', sessionById],
    ['the account of an e-mail', accountByEmailKey],
    ['the account of a user', accountByUserId],
    ['the account of a client', accountByClientId],
    ['a demo by id', demoBy.id],
    ['a demo by slug', demoBy.slug],
    ['a demo by id, for a client', catalogDemoBy.id],
    ['a demo by slug, for a client', catalogDemoBy.slug],
    ['opening a demo', opening],
    ['the live sessions beside an opening', liveCounts],
    ['a demo session', oneSession],
    ['a heartbeat', heartbeat],
    ['the head of the audit chain', chainHead],
    ['a batch of the audit chain', entriesAfter],
  ])('%s: found by an index, nothing sorted', async (_, query) => {
    const steps = await planOf(database.uow, query, parameters);
    expect(steps.length).toBeGreaterThan(0);
    expect(costlySteps(steps)).toEqual([]);
  });

  describe('a page, the first and one after a cursor', () => {
    const user = { kind: 'user', id, sessionId: id, role: 'admin', mustEnrol: false } as const;
    const client = { kind: 'client', id, sessionId: id, status: 'active' } as const;

    it.each<[string, (demos: DemosService, lists: Lists, query: ListQuery) => Promise<Page<object>>]>([
      ['the catalog, for a user', (demos, _, query) => demos.list(query, user)],
      ['the catalog, for a client', (demos, _, query) => demos.list(query, client)],
      ['a category, for a client', (demos, _, query) => demos.list({ ...query, category: 'maps' }, client)],
      ['the clients', (_, lists, query) => lists.page(clientList(query, now), query)],
    ])('%s: read in the order of an index', async (_, page) => {
      const uow = new WatchedUnitOfWork(database.dataSource);
      const config = loadConfig({ JWT_SECRET: 'Zm9yIHRoZSBzdWl0ZSB0aGF0IHJlYWRzIHBsYW5z' }, 'command');
      const lists = new Lists(uow, new Signer(config));
      const unused = undefined as never;
      const demos = new DemosService(uow, new Clock(), lists, unused, unused, unused);
      const query = Object.assign(new ListQuery(), { limit: 1 });
      const { nextCursor } = await page(demos, lists, query);
      if (nextCursor !== null)
        await page(demos, lists, Object.assign(new ListQuery(), query, { cursor: nextCursor }));
      const pages = uow.asked.filter(([sql]) => textFor(sql, uow.dialect).includes('ORDER BY'));
      expect(pages.length).toBeGreaterThan(0);
      for (const [sql, given] of pages) {
        expect(costlySteps(await planOf(uow, textFor(sql, uow.dialect), given))).toEqual([]);
      }
    });
  });
});
