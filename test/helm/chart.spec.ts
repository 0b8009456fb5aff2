import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { variables } from '../../src/config/variables.js';
import { checks, faultsOf } from './checks.js';
import { mutants } from './mutants.js';
import { chartFolder, forKubernetes, installed, run, schemaLocation } from './programs.js';
import { Release, type Values } from './release.js';
import { keys, refused, valueSets } from './value-sets.js';

const sets = Object.entries(valueSets);
const text = (file: string): string => readFileSync(join(chartFolder, file), 'utf8');
const folders: string[] = [];

/** A copy of the chart, to be changed. */
function copyOfChart(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecatalog-chart-'));
  folders.push(folder);
  cpSync(chartFolder, join(folder, 'ecatalog'), { recursive: true });
  return join(folder, 'ecatalog');
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

(installed('helm') ? describe : describe.skip)('the chart, rendered (needs helm)', () => {
  const releases = new Map<string, Release>();
  const rendered = (name: string): Release => {
    const release = releases.get(name) ?? Release.render(valueSets[name]!);
    releases.set(name, release);
    return release;
  };

  describe.each(sets.map(([name]) => name))('%s', (name) => {
    it.each(Object.keys(checks))('%s', (check) => {
      expect(faultsOf(check, rendered(name))).toEqual([]);
    });

    it('passes helm lint --strict', () => {
      const { ok, out } = run(
        'helm',
        ['lint', '--strict', chartFolder, ...forKubernetes, '-f', '-'],
        JSON.stringify(valueSets[name]),
      );
      expect([ok, out]).toEqual([true, expect.stringContaining('0 chart(s) failed')]);
    });
  });

  it.each(refused)('refuses %s, and says why', (_what, values, words) => {
    expect(() => Release.render(values)).toThrow(words);
  });

  it('15 restarts the pods after a change in config or secret, and after nothing else', () => {
    const annotations = (values: Values) => Release.render(values).app.annotations;
    const before = annotations({ secrets: keys });
    expect(annotations({ secrets: keys, service: { port: 8080 }, backup: { enabled: false } })).toEqual(
      before,
    );
    const config = annotations({ secrets: keys, config: { logLevel: 'warn' } });
    expect(config['checksum/config']).not.toBe(before['checksum/config']);
    expect(config['checksum/secret']).toBe(before['checksum/secret']);
    const secret = annotations({ secrets: { ...keys, jwtSecret: 'Wd6Kx9Pz2Lm5Vb8Nc1Qr4Ty7Uj0Hg3Fs' } });
    expect(secret['checksum/secret']).not.toBe(before['checksum/secret']);
  });

  it('13 restarts the pods when the revision of a given Secret is raised', () => {
    const checksum = (revision: string) =>
      Release.render({ secrets: { existingSecret: 'vault', revision } }).app.annotations['checksum/secret'];
    expect(checksum('2')).not.toBe(checksum('1'));
  });

  it('gives the owner role to migrations alone', () => {
    const { workers } = rendered('PostgreSQL, two pods and an owner role');
    const knowing = workers.filter((pod) => JSON.stringify(pod.spec).includes('DATABASE_MIGRATION_URL'));
    expect(knowing.map(({ owner }) => owner.kind)).toEqual(['Job']);
    const app = rendered('PostgreSQL, two pods and an owner role')
      .all('Secret')
      .find(({ metadata }) => metadata.name === 'shop-ecatalog');
    expect(Object.keys(app!.data!)).not.toContain('DATABASE_MIGRATION_URL');
  });

  it.each(['SQLite, the least', 'PostgreSQL, two pods and an owner role', 'PostgreSQL, scaled'])(
    'serves nothing in maintenance, and has what a restore takes: %s',
    (name) => {
      const release = Release.render({ ...valueSets[name]!, maintenance: true });
      const { spec, containers } = release.app;
      expect(release.deployment.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
      expect(containers.map((container) => container.command?.[1])).toEqual(['--eval']);
      expect(Object.keys(spec.containers[0]).filter((key) => key.endsWith('Probe'))).toEqual([]);
      expect(
        spec.containers[0].volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath),
      ).toContain('/backup');
      expect(JSON.stringify(spec).includes('DATABASE_MIGRATION_URL')).toBe(!release.sqlite);
      const others = ['Job', 'HorizontalPodAutoscaler', 'PodDisruptionBudget'].flatMap((kind) =>
        release.all(kind),
      );
      expect(others).toEqual([]);
      expect(release.all('CronJob')[0]!.spec.suspend).toBe(true);
      const kept = ['2', '3', '12', '13', '14', '16', '18', '19', '20', '21', '28', '29'];
      const checked = Object.keys(checks).filter((check) => kept.includes(check.split(' ')[0]!));
      expect(checked.flatMap((check) => faultsOf(check, release))).toEqual([]);
    },
  );

  it('names a plain Job after its image and values', () => {
    const name = (image: Values, values: Values = {}) =>
      Release.render({ ...valueSets['PostgreSQL, a plain Job'], image, ...values }).all('Job')[0]!.metadata
        .name;
    const names = [name({ tag: '1' }), name({ tag: '2' }), name({ tag: '2' }, { replicas: 3 })];
    expect(new Set(names).size).toBe(3);
    expect(name({ tag: '1' })).toBe(names[0]);
  });

  it('gives only variables that the app reads', () => {
    const known = new Set(variables.flatMap(({ name }): string[] => [name, `${name}_FILE`]));
    const extra = new Set(['NODE_EXTRA_CA_CERTS', 'PGAPPNAME', 'ADDRESS']);
    for (const [name] of sets) {
      const release = rendered(name);
      const given = [
        ...release.pods.flatMap(({ containers }) =>
          containers.flatMap(({ env = [] }) => env.map((each) => each.name)),
        ),
        ...Object.keys(release.all('ConfigMap')[0]!.data!),
      ];
      expect(given.filter((each) => !known.has(each) && !extra.has(each))).toEqual([]);
    }
  });

  it('36 says in its notes what is there', () => {
    const chart = copyOfChart();
    writeFileSync(
      join(chart, 'templates/notes.yaml'),
      'kind: Notes\nmetadata: { name: notes }\ndata:\n  notes: |\n    {{- include (print $.Template.BasePath "/NOTES.txt") . | nindent 4 }}\n',
    );
    for (const [, values] of sets) {
      const release = Release.render(values, chart);
      const notes = release.all('Notes')[0]!.data!.notes!;
      expect(notes).toContain(release.sqlite ? 'on SQLite: one pod' : 'on PostgreSQL: ');
      expect(notes.includes('by a Job before the rollout')).toBe(release.migrationMode === 'hook');
      expect(notes.includes('Nothing migrates')).toBe(release.migrationMode === 'none');
      expect(notes.includes('Nothing backs')).toBe(release.all('CronJob').length === 0);
      expect(notes.includes('outlive the release')).toBe(release.all('PersistentVolumeClaim').length > 0);
      // Whatever it names is there.
      const named = notes.matchAll(/\b(service|deployment|job|cronjob)\/([\w-]+)/g);
      for (const [, kind, title] of named) {
        const made = release.manifests.map((each) => `${each.kind.toLowerCase()}/${each.metadata.name}`);
        expect(made).toContain(`${kind}/${title}`);
      }
      for (const [, claim] of notes.matchAll(/volume claim ([\w-]+)/g))
        expect(JSON.stringify(release.app.spec) + JSON.stringify(release.all('CronJob'))).toContain(
          `"${claim}"`,
        );
    }
  });

  it.each(['docs/deploy.md', 'helm/ecatalog/README.md'])('takes what %s says', (file) => {
    const page = readFileSync(join(chartFolder, '../..', file), 'utf8');
    const values = join(copyOfChart(), 'production.yaml');
    writeFileSync(values, /```yaml\n# production\.yaml\n([^]*?)```/.exec(page)?.[1] ?? '');
    const commands = [...page.matchAll(/```sh\n([^]*?)```/g)]
      .flatMap(([, block]) => block!.replaceAll(/\\\n\s*/g, ' ').split('\n'))
      .filter((line) => /^helm (install|upgrade) /.test(line));
    expect(commands.length).toBeGreaterThan(1);
    for (const command of commands) {
      const rendered = command
        .replace(/^helm \w+/, `helm template ${forKubernetes.join(' ')}`)
        .replace(' --wait', '')
        .replace('production.yaml', values)
        .replace('helm/ecatalog', chartFolder);
      expect([command, run('sh', ['-c', rendered])]).toEqual([
        command,
        expect.objectContaining({ ok: true }),
      ]);
    }
  });

  describe('each check finds its fault', () => {
    it.each(mutants)('%s: %s', (check, file, from, to, set) => {
      const name = Object.keys(checks).find((each) => each.startsWith(`${check} `))!;
      const chart = copyOfChart();
      const before = readFileSync(join(chart, file), 'utf8');
      expect(before).toContain(from);
      writeFileSync(join(chart, file), before.replaceAll(from, to));
      expect(faultsOf(name, Release.render(valueSets[set]!, chart))).not.toEqual([]);
    });

    it('has a fault for each check', () => {
      const found = new Set(mutants.map(([check]) => String(check)));
      expect(Object.keys(checks).filter((name) => !found.has(name.split(' ')[0]!))).toEqual([]);
    });
  });
});

(installed('helm') && installed('kubeconform') && schemaLocation ? describe : describe.skip)(
  'the chart, as Kubernetes reads it (needs helm, kubeconform and schemas in KUBE_SCHEMAS or ../shared/schemas)',
  () => {
    it.each(sets)('%s', (_name, values) => {
      const { out } = run(
        'helm',
        ['template', 'shop', chartFolder, ...forKubernetes, '-f', '-'],
        JSON.stringify(values),
      );
      const { ok, out: report } = run(
        'kubeconform',
        // Custom resources have no schema here.
        [
          '-strict',
          '-summary',
          '-skip',
          'ServiceMonitor,PrometheusRule',
          '-schema-location',
          schemaLocation!,
        ],
        out,
      );
      expect([ok, report]).toEqual([true, expect.stringMatching(/Valid: [1-9]\d*, Invalid: 0, Errors: 0/)]);
    });
  },
);

it('is the chart of this release', () => {
  const { version } = JSON.parse(text('../../package.json')) as { version: string };
  expect(parse(text('Chart.yaml'))).toMatchObject({ version, appVersion: version });
});

describe('the schema of the values', () => {
  interface Schema {
    type?: string;
    properties?: Record<string, Schema>;
    additionalProperties?: unknown;
    $ref?: string;
    definitions?: Record<string, Schema>;
  }
  const schema = JSON.parse(text('values.schema.json')) as Schema;
  const resolved = (part: Schema): Schema =>
    part.$ref ? schema.definitions![part.$ref.slice('#/definitions/'.length)]! : part;

  it('35 refuses keys that nobody reads, at every level, and refers to nothing elsewhere', () => {
    const walk = (part: Schema, path: string): string[] => [
      ...(part.properties && part.additionalProperties !== false ? [path] : []),
      ...Object.entries(part.properties ?? {}).flatMap(([key, inner]) =>
        walk(resolved(inner), `${path}.${key}`),
      ),
    ];
    expect(walk(schema, '')).toEqual([]);
    for (const [, reference] of text('values.schema.json').matchAll(/"\$ref": "([^"]*)"/g))
      expect(reference).toMatch(/^#\/definitions\//);
  });

  it('knows every value that has a default, and no other', () => {
    const values = parse(text('values.yaml')) as Values;
    const compare = (part: Schema, value: Values, path: string): void => {
      const known = Object.keys(part.properties ?? {}).filter((key) => key !== 'global' && key !== 'claims');
      expect([path, known.sort()]).toEqual([path, Object.keys(value).sort()]);
      for (const [key, inner] of Object.entries(part.properties ?? {}))
        if (resolved(inner).properties && key in value)
          compare(resolved(inner), value[key] as Values, `${path}.${key}`);
    };
    compare(schema, values, '');
  });
});

(installed('helm-docs') ? describe : describe.skip)('the README of the chart (needs helm-docs)', () => {
  it('36 is what helm-docs makes of the values', () => {
    const chart = copyOfChart();
    expect(run('helm-docs', ['--chart-search-root', chart, '--log-level', 'warning']).ok).toBe(true);
    expect(text('README.md')).toBe(readFileSync(join(chart, 'README.md'), 'utf8'));
  });
});
