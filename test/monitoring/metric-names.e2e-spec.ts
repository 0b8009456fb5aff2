/** Whatever the alerts and the dashboard ask for is what a running app hands out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startApp } from '../support/app.js';
import { dialect, freshDatabase, type Dialect } from '../support/database.js';
import { scrape } from '../support/metrics.js';

const files = join(import.meta.dirname, '../../helm/ecatalog/files');

/** Made by the cluster (kube-state-metrics), not by the app. */
const ofTheCluster = ['kube_job_failed', 'kube_pod_init_container_status_waiting_reason'];

/** What only one of the databases has. */
const only: Record<Dialect, RegExp> = {
  sqlite: /^ecatalog_write_lane_waiting$/,
  postgres: /^ecatalog_(database_pool_.*|database_wal_written_bytes|replica_.*|table_.*)$/,
};

/** The metrics that a PromQL expression names. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"|'[^']*'/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const words = [...bare.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g)].map(([word]) => word);
  return words.filter((word) => !['and', 'or', 'unless', 'bool', 'offset'].includes(word));
}

function asked(): Map<string, string> {
  const found = new Map<string, string>();
  const note = (expression: string, where: string) => {
    const names = metricsOf(expression);
    if (names.length === 0) throw new Error(`${where} names no metric: ${expression}`);
    for (const name of names) found.set(name, where);
  };
  const rules = parse(readFileSync(join(files, 'alerts.yaml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  for (const { alert, expr } of rules.groups.flatMap((group) => group.rules)) note(expr, alert);
  const dashboard = JSON.parse(readFileSync(join(files, 'dashboard.json'), 'utf8')) as {
    panels: { type: string; title: string; targets?: { expr: string }[] }[];
    templating: { list: { name: string; type: string; query: string }[] };
  };
  for (const { type, title, targets = [] } of dashboard.panels) {
    if (type !== 'row' && targets.length === 0) throw new Error(`${title} asks for nothing`);
    for (const { expr } of targets) note(expr, `the panel ${title}`);
  }
  for (const { name, type, query } of dashboard.templating.list)
    if (type === 'query') note(/^label_values\((\w+),/.exec(query)?.[1] ?? '', `the variable ${name}`);
  return found;
}

describe('the alerts and the dashboard', () => {
  it('ask for what there is', async () => {
    const other: Dialect = dialect() === 'sqlite' ? 'postgres' : 'sqlite';
    const database = await freshDatabase();
    const app = await startApp({
      database,
      env: {
        JOBS_TICK_MS: '100',
        BACKUP_DIR: database.folder,
        ...(dialect() === 'postgres' && { DATABASE_REPLICA_URL: database.url }),
      },
    });
    const { code, stderr } = await app.cli(['backup', 'create', '--portable']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    await app.signIn(String(app.env.ADMIN_EMAIL), String(app.env.ADMIN_PASSWORD));
    // Once it has run each job, and what it has read of the database is handed out no longer.
    let names = new Set<string>();
    const isMissing = (name: string) =>
      !names.has(name) && !ofTheCluster.includes(name) && !only[other].test(name);
    const wanted = asked();
    const missing = () => [...wanted].filter(([name]) => isMissing(name));
    for (const end = performance.now() + 30_000; performance.now() < end;) {
      ({ names } = await scrape(app));
      if (missing().length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(missing()).toEqual([]);
    expect(wanted.size).toBeGreaterThan(30);
    // And the other way round: what is said to be of one database is not on the other.
    expect([...names].filter((name) => only[other].test(name))).toEqual([]);
  });

  it('understands PromQL as far as they use it', () => {
    expect(
      metricsOf('sum by (a, b) (rate(m_total{x="y_z"}[5m])) / on (c) group_left () n > 3 * time() - max(o)'),
    ).toEqual(['m_total', 'n', 'o']);
  });
});
