/** What the chart renders from a set of values, ready to be asked questions. */
import { parseAllDocuments } from 'yaml';
import { chartFolder, forKubernetes, run } from './programs.js';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Labels; annotations?: Labels };
  // What stands below differs from kind to kind; the checks say what they expect there.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  spec?: any;
  data?: Labels;
  automountServiceAccountToken?: boolean;
}

export type Labels = Record<string, string>;
export type Values = Record<string, unknown>;

/** A container of a pod, with what the checks read. */
export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  resources?: { requests?: Labels; limits?: Labels };
  securityContext?: Record<string, unknown> & { capabilities?: { drop?: string[]; add?: string[] } };
  volumeMounts?: { name: string; mountPath: string }[];
}

/** The pod that an object makes, whatever the object. */
export interface Pod {
  owner: Manifest;
  labels: Labels;
  annotations: Labels;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as of Manifest
  spec: any;
  containers: Container[];
}

export class Release {
  private constructor(
    readonly values: Values,
    readonly manifests: Manifest[],
  ) {}

  /** @throws Error with helm's words where it refuses the values */
  static render(values: Values, chart = chartFolder): Release {
    const { ok, out, err } = run(
      'helm',
      ['template', 'shop', chart, ...forKubernetes, '--namespace', 'web', '-f', '-'],
      JSON.stringify(values),
    );
    if (!ok) throw new Error(err);
    const manifests = parseAllDocuments(out)
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null);
    return new Release(values, manifests);
  }

  /** A value as given, by its path; undefined where the chart's default holds. */
  value(path: string): unknown {
    return path.split('.').reduce<unknown>((value, key) => (value as Values | undefined)?.[key], this.values);
  }

  get sqlite(): boolean {
    return (this.value('database.type') ?? 'sqlite') === 'sqlite';
  }

  get migrationMode(): string {
    return (this.value('migrations.mode') as string | undefined) || (this.sqlite ? 'initContainer' : 'hook');
  }

  get scaled(): boolean {
    return this.value('autoscaling.enabled') === true;
  }

  all(kind: string): Manifest[] {
    return this.manifests.filter((manifest) => manifest.kind === kind);
  }

  get deployment(): Manifest {
    return this.all('Deployment')[0]!;
  }

  /** Every pod that the release can make. */
  get pods(): Pod[] {
    return this.manifests.flatMap((owner) => {
      const template =
        owner.kind === 'Pod' ? owner : (owner.spec?.jobTemplate?.spec.template ?? owner.spec?.template);
      if (!template) return [];
      const { metadata, spec } = template;
      return [
        {
          owner,
          labels: metadata.labels ?? {},
          annotations: metadata.annotations ?? {},
          spec,
          containers: [...(spec.initContainers ?? []), ...spec.containers],
        },
      ];
    });
  }

  get app(): Pod {
    return this.pods.find(({ owner }) => owner === this.deployment)!;
  }

  /** The pods of app, migration and backup: those that know the database. */
  get workers(): Pod[] {
    return this.pods.filter(({ owner }) => owner.kind !== 'Pod');
  }

  /** Policies that hold for a pod. */
  policiesOf({ labels }: Pod): Manifest[] {
    return this.all('NetworkPolicy').filter(({ spec }) => matches(spec.podSelector.matchLabels, labels));
  }
}

export function hooksOf({ metadata }: Manifest): string[] {
  return metadata.annotations?.['helm.sh/hook']?.split(',') ?? [];
}

export function hookWeight({ metadata }: Manifest): number {
  return Number(metadata.annotations?.['helm.sh/hook-weight'] ?? 0);
}

export function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** What a pod needs to exist, as `Kind/name`. */
export function referencesOf({ spec, containers }: Pod): string[] {
  const names = (kind: string, list: (string | undefined)[]) =>
    list.filter((name) => name !== undefined).map((name) => `${kind}/${name}`);
  const env = containers.flatMap((container) => container.env ?? []);
  const envFrom = containers.flatMap((container) => container.envFrom ?? []);
  const volumes: {
    secret?: { secretName: string };
    configMap?: { name: string };
    persistentVolumeClaim?: { claimName: string };
  }[] = spec.volumes ?? [];
  const pullSecrets: { name: string }[] = spec.imagePullSecrets ?? [];
  return [
    ...names('ServiceAccount', [spec.serviceAccountName]),
    ...names('Secret', [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
      ...volumes.map(({ secret }) => secret?.secretName),
      ...pullSecrets.map(({ name }) => name),
    ]),
    ...names('ConfigMap', [
      ...envFrom.map(({ configMapRef }) => configMapRef?.name),
      ...volumes.map(({ configMap }) => configMap?.name),
    ]),
    ...names(
      'PersistentVolumeClaim',
      volumes.map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName),
    ),
  ];
}
