/** The programs of the chart's suites. Where one is absent, its tests say so and are skipped. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/programs.js';

const root = join(import.meta.dirname, '../..');

/** The chart as it is in the repository. */
export const chartFolder = join(root, 'helm/ecatalog');

/** The Kubernetes that is rendered for. A helm that was built from its sources alone takes 1.20 unless it is told. */
export const forKubernetes = ['--kube-version', '1.35.0'];

export function installed(program: string): boolean {
  return findProgram(program) !== undefined;
}

/**
 * Where kubeconform finds schemas: KUBE_SCHEMAS (a folder of them, or `default`: its own, from the network), else the
 * folder beside the repository.
 */
export const schemaLocation = ((): string | undefined => {
  const given = process.env.KUBE_SCHEMAS ?? join(root, '../shared/schemas');
  if (given === 'default') return given;
  return existsSync(given) ? join(given, '{{.ResourceKind}}{{.KindSuffix}}.json') : undefined;
})();

/** Runs a program to its end; what it wrote and whether it succeeded. */
export function run(program: string, args: string[], input = ''): { ok: boolean; out: string; err: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  return { ok: status === 0, out: stdout, err: stderr };
}
