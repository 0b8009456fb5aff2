/**
 * What must hold of everything that the chart renders, whatever the values. A check returns its faults in words, none
 * where all is well. The numbers are those of docs/deploy.md.
 */
import {
  type Container,
  hooksOf,
  hookWeight,
  type Labels,
  type Manifest,
  matches,
  type Pod,
  referencesOf,
  type Release,
} from './release.js';

type Faults = (string | false | undefined)[];

export const checks: Record<string, (release: Release) => Faults> = {
  '1 the migration is a hook before install and upgrade, and gives up before helm does': (release) => {
    const jobs = release.all('Job');
    if (release.migrationMode !== 'hook') return jobs.map((job) => hooksOf(job).length > 0 && 'a hook');
    return [
      jobs.length !== 1 && `${jobs.length} Jobs`,
      ...jobs.flatMap(({ metadata: { annotations }, spec }) => [
        annotations?.['helm.sh/hook'] !== 'pre-install,pre-upgrade' && 'other events',
        annotations?.['helm.sh/hook-weight'] !== '-10' && 'another weight',
        annotations?.['helm.sh/hook-delete-policy'] !== 'before-hook-creation,hook-succeeded' &&
          'another delete policy',
        spec.template.spec.restartPolicy !== 'Never' && 'its pods restart',
        !(spec.backoffLimit <= 3) && 'it is tried too often',
        !(spec.activeDeadlineSeconds < 300) && 'it outlives helm',
      ]),
    ];
  },

  '2 what a hook needs is there before it': (release) =>
    release.pods
      .filter(({ owner }) => hooksOf(owner).includes('pre-install'))
      .flatMap((pod) => {
        const policies = release.policiesOf(pod).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
        return [...referencesOf(pod), ...policies].map((reference) => {
          const found = release.manifests.find(
            ({ kind, metadata }) => `${kind}/${metadata.name}` === reference,
          );
          if (!found) return !isGiven(release, reference) && `${reference} is nowhere`;
          const before =
            hooksOf(found).join() === hooksOf(pod.owner).join() && hookWeight(found) < hookWeight(pod.owner);
          return !before && `${reference} comes later`;
        });
      }),

  '3 nothing is both a hook and used by the app': (release) =>
    release.pods
      .filter(({ owner }) => hooksOf(owner).length === 0)
      .flatMap((pod) => [...referencesOf(pod), ...release.policiesOf(pod).map(titleOf)])
      .map(
        (reference) =>
          release.manifests.some((other) => titleOf(other) === reference && hooksOf(other).length > 0) &&
          `${reference} is a hook`,
      ),

  '4 no volume claim is a hook': (release) =>
    release.all('PersistentVolumeClaim').map((claim) => hooksOf(claim).length > 0 && titleOf(claim)),

  '5 SQLite migrates in an init container and in no Job': (release) => [
    release.sqlite && release.all('Job').length > 0 && 'a Job',
    initContainers(release.app).includes('migrate') !== (release.migrationMode === 'initContainer') &&
      'init containers do not fit the mode',
  ],

  '6 SQLite has one pod, which ends before the next begins': (release) =>
    release.sqlite
      ? [
          release.deployment.spec.replicas !== 1 && 'other replicas',
          release.deployment.spec.strategy.type !== 'Recreate' && 'not Recreate',
        ]
      : [],

  '8 SQLite has nothing that scales': (release) =>
    release.sqlite
      ? [...release.all('HorizontalPodAutoscaler'), ...release.all('PodDisruptionBudget')].map(titleOf)
      : [],

  '9 a given claim takes the place of the chart’s; its own outlive the release': (release) => {
    const claims = release.all('PersistentVolumeClaim');
    const expected = [
      ...(release.sqlite && !release.value('persistence.existingClaim') ? ['data'] : []),
      ...(release.sqlite &&
      release.value('backup.enabled') !== false &&
      !release.value('backup.persistence.existingClaim')
        ? ['backup']
        : []),
    ];
    const mounted = release.workers.flatMap(referencesOf).filter((name) => name.startsWith('Persistent'));
    return [
      claims.map(({ metadata }) => metadata.name.split('-').pop()).join() !== expected.join() &&
        `claims ${claims.map(titleOf).join(', ')}`,
      ...claims.map(
        ({ metadata }) =>
          metadata.annotations?.['helm.sh/resource-policy'] !== 'keep' && 'a claim is not kept',
      ),
      // One that only a CronJob uses is not bound at first, and helm would wait for it.
      ...claims.map(
        (claim) =>
          !referencesOf(release.app).includes(titleOf(claim)) && `${titleOf(claim)} is not the app's`,
      ),
      ...mounted.map(
        (name) =>
          !claims.some((claim) => titleOf(claim) === name) && !isGiven(release, name) && `${name} is nowhere`,
      ),
    ];
  },

  '10 what is scaled has no number of its own': (release) => [
    release.scaled === 'replicas' in release.deployment.spec && 'replicas',
  ],

  '11 the scaler speaks autoscaling/v2': (release) => {
    const scalers = release.all('HorizontalPodAutoscaler');
    return [
      scalers.length !== (release.scaled ? 1 : 0) && `${scalers.length} scalers`,
      ...scalers.map(({ apiVersion }) => apiVersion !== 'autoscaling/v2' && apiVersion),
      ...scalers.map(
        ({ spec }) => spec.scaleTargetRef.name !== release.deployment.metadata.name && 'another target',
      ),
    ];
  },

  '12 one image for all, with a version': (release) => {
    const images = new Set(eachContainer(release).map(({ image }) => image));
    return [
      images.size !== 1 && `images ${[...images].join(', ')}`,
      ...[...images].map(
        (image) => (!/:[\w.-]+$|@sha256:[0-9a-f]{64}$/.test(image) || image.endsWith(':latest')) && image,
      ),
    ];
  },

  '13 a given Secret takes the place of the chart’s': (release) => {
    const given = release.value('secrets.existingSecret') as string | undefined;
    const used = release.workers.flatMap(referencesOf).filter((name) => name.startsWith('Secret/'));
    return [
      !given !== release.all('Secret').length > 0 && 'a Secret too many or too few',
      ...used.map(
        (name) =>
          !release.manifests.some((manifest) => titleOf(manifest) === name) &&
          !isGiven(release, name) &&
          `${name} is nowhere`,
      ),
      given !== undefined && !used.includes(`Secret/${given}`) && 'the given Secret is not used',
    ];
  },

  '14 credentials are in Secrets alone': (release) => {
    const secrets = Object.values((release.value('secrets') ?? {}) as Labels).filter(
      (text) => text.length > 6,
    );
    const words = secrets.flatMap((text) => [
      text,
      Buffer.from(text).toString('base64'),
      ...(/:\/\/[^:]+:([^@]+)@/.exec(text)?.slice(1) ?? []),
    ]);
    return [
      ...release.manifests
        .filter(({ kind }) => kind !== 'Secret')
        .map(
          (manifest) => words.some((word) => JSON.stringify(manifest).includes(word)) && titleOf(manifest),
        ),
      ...eachContainer(release)
        .flatMap(({ env }) => env ?? [])
        .map(
          ({ name, value }) =>
            /SECRET|PASSWORD|DATA_KEY|TOKEN|SMTP_URL|(MIGRATION|REPLICA)_URL/.test(name) &&
            value !== undefined &&
            name,
        ),
    ];
  },

  '15 pods carry the checksums of what they were started with': ({ app }) =>
    ['checksum/config', 'checksum/secret'].map(
      (name) => !/^[0-9a-f]{64}$/.test(app.annotations[name] ?? '') && `no ${name}`,
    ),

  '16 every pod has one numeric account, not root': ({ pods }) =>
    eachPod(pods, ({ spec: { securityContext: context = {} } }) => [
      context.runAsNonRoot !== true && 'may be root',
      ...['runAsUser', 'runAsGroup', 'fsGroup'].map((name) => !(context[name] > 0) && `no ${name}`),
    ]),

  '17 every pod has the seccomp profile of its runtime': ({ pods }) =>
    eachPod(pods, ({ spec }) => [
      spec.securityContext?.seccompProfile?.type !== 'RuntimeDefault' && 'another seccomp profile',
    ]),

  '18 no container can become more than it is': ({ pods }) =>
    eachPod(pods, ({ containers }) => containers.flatMap(privilegesOf)),

  '19 /tmp is a bounded emptyDir': ({ pods }) =>
    eachPod(pods, ({ spec, containers }) =>
      containers.flatMap(({ volumeMounts = [] }) => {
        const mount = volumeMounts.find(({ mountPath }) => mountPath === '/tmp');
        const volume = spec.volumes.find(({ name }: { name: string }) => name === mount?.name);
        return [!volume?.emptyDir?.sizeLimit && 'no /tmp'];
      }),
    ),

  '20 no pod has a token of the API server': ({ pods, manifests }) => [
    ...eachPod(pods, ({ spec }) => [spec.automountServiceAccountToken !== false && 'has a token']),
    ...manifests.map(
      (manifest) =>
        manifest.kind === 'ServiceAccount' && manifest.automountServiceAccountToken !== false && 'an account',
    ),
  ],

  '21 every container says what it takes': ({ pods }) =>
    eachPod(pods, ({ containers }) =>
      containers.map(
        ({ name, resources }) =>
          !(resources?.requests?.cpu && resources.requests.memory && resources.limits?.memory) && name,
      ),
    ),

  '22 readiness alone asks the database': ({ app }) => {
    const { livenessProbe, readinessProbe, startupProbe } = app.spec.containers[0];
    const [live, ready, start] = [livenessProbe, readinessProbe, startupProbe].map(
      (probe) => probe?.httpGet.path as string | undefined,
    );
    const ports = app.containers.flatMap((container) => container.ports ?? []).map(({ name }) => name);
    return [
      live !== '/health/live' && `liveness asks ${live}`,
      start !== live && `startup asks ${start}`,
      ready !== '/health/ready' && `readiness asks ${ready}`,
      ...[livenessProbe, readinessProbe, startupProbe].map(
        (probe) => !ports.includes(probe?.httpGet.port) && 'a probe of no port',
      ),
    ];
  },

  '23 a pod has time to drain': (release) => {
    const { terminationGracePeriodSeconds: grace, containers } = release.app.spec;
    const preStop: number = containers[0].lifecycle?.preStop?.sleep.seconds ?? 0;
    const drain = Number(configOf(release).DRAIN_SECONDS ?? 0);
    return [
      !(grace >= preStop + drain + 25) && `${grace} s for ${preStop} + ${drain} + 25`,
      !release.sqlite && !(preStop > 0) && 'no preStop',
    ];
  },

  '24 PostgreSQL: no pod leaves before the next is ready': (release) => {
    const { type, rollingUpdate } = release.deployment.spec.strategy;
    return release.sqlite
      ? []
      : [
          type !== 'RollingUpdate' && type,
          rollingUpdate?.maxUnavailable !== 0 && 'pods may be missing',
          !(rollingUpdate?.maxSurge > 0) && 'no pod may be added',
        ];
  },

  '25 evictions are bounded where more than one pod can run, and always possible': (release) => {
    const [replicas, highest] = [
      release.value('replicas') ?? 1,
      release.value('autoscaling.maxReplicas') ?? 6,
    ];
    const many = !release.sqlite && Number(release.scaled ? highest : replicas) > 1;
    const budgets = release.all('PodDisruptionBudget');
    return [
      budgets.length !== Number(many) && `${budgets.length} budgets`,
      ...budgets.flatMap(({ spec }) => [
        'minAvailable' in spec && 'minAvailable blocks at the lowest scale',
        !(spec.maxUnavailable >= 1) && 'no pod may leave',
        !matches(spec.selector.matchLabels, release.app.labels) && 'other pods',
      ]),
    ];
  },

  '26 pods are spread by their own labels': (release) => {
    const constraints: { labelSelector: { matchLabels: Labels } }[] =
      release.app.spec.topologySpreadConstraints ?? [];
    return [
      (constraints.length === 0) !== release.sqlite && `${constraints.length} constraints`,
      ...constraints.map(
        ({ labelSelector }) => !matches(labelSelector.matchLabels, release.app.labels) && 'other pods',
      ),
    ];
  },

  '27 no selector carries a version': ({ manifests }) =>
    manifests.flatMap((manifest) =>
      selectorsOf(manifest).flatMap((selector) =>
        Object.keys(selector).map(
          (key) => /version|chart|revision|managed-by/.test(key) && titleOf(manifest),
        ),
      ),
    ),

  '28 the Services have the app’s pods and no others': (release) =>
    release
      .all('Service')
      .flatMap(({ metadata: { name }, spec }) =>
        release.pods.map(
          (pod) =>
            matches(spec.selector, pod.labels) !== (pod === release.app || isSame(pod, release.app)) && name,
        ),
      ),

  '29 policies hold for every pod and open what it needs': (release) =>
    release.value('networkPolicy.enabled') === false
      ? release.all('NetworkPolicy').map(titleOf)
      : eachPod(release.pods, (pod) => openings(release, pod)),

  '30 backups come one at a time, end, and run where the file is': (release) => {
    const jobs = release.all('CronJob');
    return [
      jobs.length !== Number(release.value('backup.enabled') !== false) && `${jobs.length} CronJobs`,
      ...jobs.flatMap(({ spec }) => {
        const job = spec.jobTemplate.spec;
        const near =
          job.template.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
        return [
          spec.concurrencyPolicy !== 'Forbid' && 'two at a time',
          !(spec.startingDeadlineSeconds > 0) && 'no deadline to start',
          !(job.activeDeadlineSeconds > 0) && 'no deadline to end',
          !(spec.successfulJobsHistoryLimit >= 0 && spec.failedJobsHistoryLimit >= 1) && 'no history limits',
          job.template.spec.restartPolicy !== 'Never' && 'its pods restart',
          near.length !== Number(release.sqlite) && 'nearness',
          ...near.map(
            (term: { topologyKey: string; labelSelector: { matchLabels: Labels } }) =>
              !(
                term.topologyKey === 'kubernetes.io/hostname' &&
                matches(term.labelSelector.matchLabels, release.app.labels)
              ) && 'near something else',
          ),
        ];
      }),
    ];
  },

  '31 monitoring is there when asked for, by ports that exist': (release) => {
    const wanted = (part: string) => Number(release.value(`metrics.${part}.enabled`) === true);
    const monitors = release.all('ServiceMonitor');
    const containerPorts = release.app.containers.flatMap(({ ports = [] }) => ports).map(({ name }) => name);
    return [
      monitors.length !== wanted('serviceMonitor') && `${monitors.length} ServiceMonitors`,
      release.all('PrometheusRule').length !== wanted('prometheusRule') && 'PrometheusRules',
      ...monitors.flatMap(({ spec }) => {
        const services = release
          .all('Service')
          .filter(({ metadata }) => matches(spec.selector.matchLabels, metadata.labels ?? {}));
        return spec.endpoints.map(
          ({ port }: { port: string }) =>
            !services.some((service) =>
              service.spec.ports.some(
                (each: { name: string; targetPort: string }) =>
                  each.name === port && containerPorts.includes(each.targetPort),
              ),
            ) && `no port ${port}`,
        );
      }),
    ];
  },

  '32 the alerts name what goes wrong': (release) =>
    release.all('PrometheusRule').flatMap(({ spec }) => {
      const rules: { alert?: string; expr: string }[] = spec.groups.flatMap(
        ({ rules }: { rules: object[] }) => rules,
      );
      const alerts = rules.filter(({ alert }) => alert !== undefined);
      return Object.entries(alarms).map(
        ([what, pattern]) => !alerts.some(({ alert }) => pattern.test(alert ?? '')) && `no alert: ${what}`,
      );
    }),

  '33 what is given besides reaches app, migration and backup': (release) =>
    eachPod(release.workers, ({ spec, containers }) => [
      ...missing(release, 'imagePullSecrets', spec.imagePullSecrets),
      ...missing(release, 'extraVolumes', spec.volumes),
      ...containers.flatMap((container) => [
        ...missing(release, 'extraEnv', container.env),
        ...missing(release, 'extraVolumeMounts', container.volumeMounts),
      ]),
    ]),

  '34 the test is a pod like the others': (release) => {
    const tests = release.pods.filter(({ owner }) => hooksOf(owner).includes('test'));
    return [
      tests.length !== 1 && `${tests.length} tests`,
      ...tests.flatMap((pod) => pod.containers.flatMap(privilegesOf)),
    ];
  },
};

/** What must have an alert, and how its name is recognised. */
const alarms = {
  'a migration failed': /migration/i,
  'a backup is stale': /backup.*(stale|old|missing|age)/i,
  'a backup failed': /backup.*fail/i,
  'a volume fills': /(volume|disk).*(fill|full|space)/i,
  'connections fail': /connection/i,
  'queries are slow': /slow|latency/i,
  'errors are many': /error/i,
  'readiness flaps': /readiness|ready/i,
};

/** The faults of a check, in words. */
export function faultsOf(check: string, release: Release): string[] {
  return checks[check]!(release).filter((fault) => typeof fault === 'string');
}

function titleOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.name}`;
}

/** Whether the values name it: then it is there before the release. */
function isGiven({ values }: Release, reference: string): boolean {
  const name = reference.slice(reference.indexOf('/') + 1);
  return reference === 'ServiceAccount/default' || JSON.stringify(values).includes(JSON.stringify(name));
}

function isSame(one: Pod, other: Pod): boolean {
  return one.owner === other.owner;
}

function eachPod(pods: Pod[], check: (pod: Pod) => Faults): Faults {
  return pods.flatMap((pod) => check(pod).map((fault) => fault && `${titleOf(pod.owner)}: ${fault}`));
}

function eachContainer({ pods }: Release): Container[] {
  return pods.flatMap(({ containers }) => containers);
}

function initContainers({ spec }: Pod): string[] {
  return (spec.initContainers ?? []).map(({ name }: Container) => name);
}

function configOf(release: Release): Labels {
  return release.all('ConfigMap').find(({ metadata }) => metadata.name === release.deployment.metadata.name)!
    .data!;
}

function privilegesOf({ name, securityContext: context = {} }: Container): Faults {
  return [
    context.allowPrivilegeEscalation !== false && `${name} may escalate`,
    context.privileged === true && `${name} is privileged`,
    context.readOnlyRootFilesystem !== true && `${name} writes its root`,
    context.capabilities?.drop?.join() !== 'ALL' && `${name} keeps capabilities`,
    (context.capabilities?.add ?? []).length > 0 && `${name} adds capabilities`,
  ];
}

/** Every selector in an object, however deep. */
function selectorsOf({ kind, spec }: Manifest): Labels[] {
  const found: Labels[] = kind === 'Service' ? [spec.selector] : [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'matchLabels') found.push(inner as Labels);
      walk(inner);
    }
  };
  walk(spec);
  return found;
}

/** What the policies of a pod open, against what it needs and no more. */
function openings(release: Release, pod: Pod): Faults {
  const policies = release.policiesOf(pod);
  if (policies.length !== 1) return [`${policies.length} policies`];
  const { policyTypes, ingress = [], egress = [] } = policies[0]!.spec;
  const portsOf = (rules: { ports?: { port: unknown }[] }[]) =>
    rules.flatMap((rule) => rule.ports?.map(({ port }) => port) ?? ['all']);
  const test = hooksOf(pod.owner).includes('test');
  const needed = new Set<unknown>((release.value('networkPolicy.dnsPorts') as number[] | undefined) ?? [53]);
  if (test) needed.add('http');
  else if (!release.sqlite) needed.add(release.value('database.port') ?? 5432);
  if (pod === release.app || isSame(pod, release.app)) {
    if (release.value('smtp.enabled')) needed.add(release.value('smtp.port') ?? 587);
    for (const port of (release.value('registries.ports') as number[] | undefined) ?? [443]) needed.add(port);
  }
  const open = new Set(portsOf(egress));
  const incoming = portsOf(ingress);
  return [
    [...policyTypes].sort().join() !== 'Egress,Ingress' && 'one direction is free',
    ...[...needed].map((port) => !open.has(port) && `no way out to ${String(port)}`),
    ...[...open].map((port) => !needed.has(port) && `a way out to ${String(port)}`),
    incoming.join() !== (isSame(pod, release.app) ? 'http,metrics' : '') && `ways in ${incoming.join()}`,
    ...['httpFrom', 'metricsFrom'].flatMap((key, index) => {
      const from = release.value(`networkPolicy.${key}`) as object[] | undefined;
      return isSame(pod, release.app) && from
        ? from.map((each) => !holds(ingress[index].from, each) && `${key} is not obeyed`)
        : [];
    }),
  ];
}

function holds(list: object[] | undefined, wanted: object): boolean {
  return (list ?? []).some((each) => JSON.stringify(sorted(each)) === JSON.stringify(sorted(wanted)));
}

/** An object with its keys in order, as helm writes them. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function missing(release: Release, key: string, present: object[] | undefined): Faults {
  const wanted = (release.value(key) ?? []) as object[];
  return wanted.map((each) => !holds(present, each) && `no ${key}`);
}
