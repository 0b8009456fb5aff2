import { connected, type Connected } from '../../test/support/data-source.js';
import { freshDatabase } from '../../test/support/database.js';
import { planOf } from '../../test/support/plans.js';
import { entities } from '../database/entities.js';
import type { PreparedQuery } from '../database/sql.js';
import {
  clientDetails,
  clientUsage,
  demoDetails,
  demoUsage,
  opensBy,
  opensOf,
  overview,
  topClients,
  topDemos,
  uniqueClients,
  uniqueClientsOfBucket,
} from './analytics.queries.js';

const now = new Date('2026-11-21T12:00:00.000Z');
const id = '019aa5b0-0000-7000-8000-000000000000';
const parameters = {
  ...{ first: '2026-10-23', last: '2026-11-21', from: now, until: now, now, soon: now },
  ...{ demoId: id, clientId: id, ids: [id], bucket: 'month', start: '2026-11-01' },
};

describe('the plans of analytics', () => {
  let database: Connected;

  beforeAll(async () => {
    database = await connected({ database: await freshDatabase(), entities });
  });

  it.each<[string, PreparedQuery<unknown> | string]>([
    ['overview', overview],
    ['unique clients', uniqueClients],
    ['unique clients of a bucket', uniqueClientsOfBucket],
    ['top demos', topDemos],
    ['top clients', topClients],
    ...Object.entries({ all: opensBy, ...opensOf }).flatMap(([name, sizes]) =>
      Object.entries(sizes).map(([size, query]): [string, PreparedQuery<unknown>] => [
        `opens of ${name} by ${size}`,
        query,
      ]),
    ),
    ['details of demos', demoDetails.some],
    ['details of clients', clientDetails.some],
    ['usage by demo', `SELECT ${demoUsage.select} FROM ${demoUsage.from}`],
    ['usage by client', `SELECT ${clientUsage.select} FROM ${clientUsage.from}`],
    ['demos in use', `SELECT count(*) FROM ${demoUsage.totalFrom}`],
  ])('%s: no usage table is read from end to end, the events not at all', async (_, query) => {
    const steps = await planOf(database.uow, query, parameters);
    expect(steps.filter((step) => /usage_analytics/.test(step))).toEqual([]);
    // The totals have one row a demo or a client.
    const whole =
      /\bSCAN (u\b|usage_(?!demo_totals|client_totals))|Seq Scan on usage_(?!demo_totals|client_totals)/;
    expect(steps.filter((step) => whole.test(step))).toEqual([]);
    expect(steps.join('\n')).toMatch(/SEARCH u (EXISTS )?USING|(Index|Bitmap).*(usage_daily|uq_|pk_|ix_)/);
  });
});
