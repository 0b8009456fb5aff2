/** How many backups of each kind of period stay. */
export interface KeepRules {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

interface Dated {
  readonly name: string;
  readonly createdAt: Date;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

const periods: Readonly<Record<keyof KeepRules, (instant: Date) => string>> = {
  daily: (instant) => instant.toISOString().slice(0, 10),
  // Weeks from Monday on; 1970-01-05 was one.
  weekly: (instant) => String(Math.floor((instant.getTime() - 4 * DAY_MS) / (7 * DAY_MS))),
  monthly: (instant) => instant.toISOString().slice(0, 7),
};

/**
 * Which backups stay, with the reasons: the newest one of each of the last days, weeks and months (UTC) that have any,
 * as `restic forget` does, and always the newest of all.
 */
export function keptBackups(backups: readonly Dated[], rules: KeepRules): Map<string, string[]> {
  const newestFirst = [...backups].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  const kept = new Map<string, string[]>();
  const keep = (name: string, reason: string) => kept.set(name, [...(kept.get(name) ?? []), reason]);
  if (newestFirst[0]) keep(newestFirst[0].name, 'newest');
  for (const [rule, periodOf] of Object.entries(periods) as [keyof KeepRules, (instant: Date) => string][]) {
    const seen = new Set<string>();
    for (const { name, createdAt } of newestFirst) {
      const period = periodOf(createdAt);
      if (seen.has(period) || seen.size >= rules[rule]) continue;
      seen.add(period);
      keep(name, rule);
    }
  }
  return kept;
}
