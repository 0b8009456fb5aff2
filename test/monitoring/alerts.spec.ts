/** The alert rules, by Prometheus's own tool: alerts.test.yaml says when each fires. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { findProgram } from '../support/programs.js';

const root = join(import.meta.dirname, '../..');
const rulesFile = join(root, 'helm/ecatalog/files/alerts.yaml');
const testsFile = join(import.meta.dirname, 'alerts.test.yaml');
const promtool = findProgram('promtool');

interface Rule {
  alert: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook: string };
}
const read = (file: string): unknown => parse(readFileSync(file, 'utf8'));
const rules = (read(rulesFile) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

(promtool === undefined ? describe.skip : describe)('the alert rules (needs promtool)', () => {
  const run = (...args: string[]): string => {
    try {
      return execFileSync(promtool!, args, { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${stdout}${stderr}`, { cause: error });
    }
  };

  it('are valid', () => {
    expect(run('check', 'rules', '--lint=all', '--lint-fatal', rulesFile)).toContain('SUCCESS');
  });

  it('fire when they should, and only then', () => {
    expect(run('test', 'rules', testsFile)).toContain('SUCCESS');
  });
});

describe('the alert rules', () => {
  it('each fire in a case of their own', () => {
    interface Case {
      promql_expr_test: { exp_samples: { labels: string }[] }[];
    }
    const cases = (read(testsFile) as { tests: Case[] }).tests;
    const fired = cases.flatMap((one) => one.promql_expr_test.flatMap((test) => test.exp_samples));
    const names = fired.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1]);
    expect([...new Set(names)].sort()).toEqual(rules.map((rule) => rule.alert).sort());
  });

  it.each(rules)('$alert says how bad it is and what to do', ({ alert, labels, annotations }) => {
    expect(alert).toMatch(/^Ecatalog[A-Z]/);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    expect(annotations.description).toBeTruthy();
    const [, page = '', anchor = ''] = /^(docs\/[\w-]+\.md)#([\w-]+)$/.exec(annotations.runbook) ?? [];
    expect(existsSync(join(root, page))).toBe(true);
    expect(anchorsOf(page)).toContain(anchor);
  });

  it('are each in docs/monitoring.md', () => {
    const page = readFileSync(join(root, 'docs/monitoring.md'), 'utf8');
    expect(rules.map((rule) => rule.alert).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

/** The anchors of a page: of its headings, as GitHub makes them, and those it names itself. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...headings, ...[...text.matchAll(/<a id="([\w-]+)">/g)].map(([, id = '']) => id)];
}
