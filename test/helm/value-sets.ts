/** Values that a house might give. Each is rendered, and every check is held against it. */
import type { Values } from './release.js';

/** Random words, so that a credential in the wrong place is found. */
export const keys = {
  jwtSecret: 'pN7wq2Zc5Vt8Rk1Xy4Lm6Bd9Hs3Jf0Gu',
  dataKey: 'b1946ac92492d2347c6235b4d2611184e3b0c44298fc1c149afbf4c8996fb924',
};
const databaseUrl = 'postgres://app:osprey-57@db.example.com:5432/shop';
const backup = { persistence: { existingClaim: 'tape' } };
const postgresql: Values = { database: { type: 'postgresql' }, secrets: { ...keys, databaseUrl }, backup };

export const valueSets: Record<string, Values> = {
  'SQLite, the least': { secrets: keys },
  'SQLite, its secrets and volumes given': {
    secrets: { existingSecret: 'vault', revision: '3' },
    persistence: { existingClaim: 'disk' },
    backup: { persistence: { existingClaim: 'tape' } },
  },
  'SQLite, nothing migrates, nothing is backed up': {
    secrets: keys,
    migrations: { mode: 'none' },
    backup: { enabled: false },
    networkPolicy: { enabled: false },
  },
  'SQLite, everything beside it': {
    secrets: {
      ...keys,
      smtpUrl: 'smtps://mail:heron-31@mail.example.com',
      adminPassword: 'plover-93-at-low-tide',
    },
    config: {
      adminEmail: 'root@example.com',
      publicUrl: 'https://shop.example.com',
      trustedProxies: ['10.0.0.0/8'],
    },
    smtp: { enabled: true, port: 465, from: 'LTP Labs <shop@example.com>' },
    registries: { authSecret: 'registries', ports: [443, 5000] },
    metrics: {
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
      dashboard: { enabled: true },
    },
    ingress: {
      enabled: true,
      hosts: ['shop.example.com'],
      tls: [{ secretName: 'tls', hosts: ['shop.example.com'] }],
    },
    image: { tag: '1.2.3' },
  },
  'SQLite, more of its own': {
    secrets: keys,
    imagePullSecrets: [{ name: 'pull' }],
    extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/house/ca.pem' }],
    extraVolumes: [{ name: 'house', secret: { secretName: 'house-ca' } }],
    extraVolumeMounts: [{ name: 'house', mountPath: '/etc/house', readOnly: true }],
    nodeSelector: { disk: 'ssd' },
    podLabels: { team: 'shop' },
  },
  'PostgreSQL, the least': postgresql,
  'PostgreSQL, two pods and an owner role': {
    ...postgresql,
    replicas: 2,
    secrets: {
      ...keys,
      databaseUrl,
      databaseMigrationUrl: 'postgres://owner:bittern-88@db.example.com:5432/shop',
      databaseReplicaUrl: 'postgres://app:osprey-57@replica.example.com:5432/shop',
      jwtSecretPrevious: 'Tq9Lx3Vb6Nz1Mw8Kd5Rc2Yp7Gh4Js0Fe',
    },
    shutdown: { preStopSeconds: 20, drainSeconds: 45 },
  },
  'PostgreSQL, its secrets given': {
    backup,
    database: { type: 'postgresql', port: 6432 },
    secrets: { existingSecret: 'vault' },
    replicas: 3,
    serviceAccount: { create: false, name: 'house-account' },
  },
  'PostgreSQL in parts, with an operator’s secret': {
    backup,
    database: {
      type: 'postgresql',
      host: 'shop-rw',
      existingSecret: 'shop-app',
      sslmode: 'verify-full',
    },
    secrets: keys,
    networkPolicy: {
      httpFrom: [{ namespaceSelector: { matchLabels: { name: 'ingress' } } }],
      metricsFrom: [{ podSelector: { matchLabels: { app: 'prometheus' } } }],
      dnsPorts: [53, 5353],
    },
  },
  'PostgreSQL in parts, with a password': {
    backup,
    database: { type: 'postgresql', host: 'db.example.com' },
    secrets: { ...keys, databasePassword: 'avocet-12' },
    networkPolicy: { enabled: false },
  },
  'PostgreSQL, scaled': {
    ...postgresql,
    autoscaling: { enabled: true, minReplicas: 1, maxReplicas: 5 },
    image: { digest: `sha256:${'ab'.repeat(32)}` },
    metrics: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } },
  },
  'PostgreSQL, a plain Job': { ...postgresql, migrations: { mode: 'job' }, replicas: 2 },
  'PostgreSQL, each pod migrates': { ...postgresql, migrations: { mode: 'initContainer' } },
  'PostgreSQL, nothing migrates': {
    ...postgresql,
    migrations: { mode: 'none' },
    backup: { enabled: false },
    registries: { ports: [] },
  },
  'PostgreSQL, more of its own': {
    ...postgresql,
    imagePullSecrets: [{ name: 'pull' }],
    extraEnv: [{ name: 'PGAPPNAME', value: 'shop' }],
    extraVolumes: [{ name: 'house', configMap: { name: 'house-ca' } }],
    extraVolumeMounts: [{ name: 'house', mountPath: '/etc/house' }],
    smtp: { enabled: true },
    secrets: { ...keys, databaseUrl, smtpUrl: 'smtp://mail:heron-31@mail.example.com:587' },
    fullnameOverride: 'a-name-of-more-than-forty-characters-in-all-its-length',
    priorityClassName: 'shop',
    tolerations: [{ key: 'shop', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
  },
};

/** Values that are refused, and the words of the refusal. */
export const refused: [string, Values, RegExp][] = [
  ['SQLite with two pods', { secrets: keys, replicas: 2 }, /one file that one pod writes/],
  ['SQLite scaled', { secrets: keys, autoscaling: { enabled: true } }, /one file that one pod writes/],
  ['SQLite with a hook', { secrets: keys, migrations: { mode: 'hook' } }, /can't share the volume/],
  ['SQLite with a Job', { secrets: keys, migrations: { mode: 'job' } }, /can't share the volume/],
  ['no signing secret', { secrets: { dataKey: keys.dataKey } }, /secrets\.jwtSecret: give/],
  ['no data key', { secrets: { jwtSecret: keys.jwtSecret } }, /secrets\.dataKey: give/],
  [
    'PostgreSQL without an address',
    { database: { type: 'postgresql' }, secrets: keys, backup },
    /give secrets\.databaseUrl/,
  ],
  [
    'PostgreSQL in parts without a password',
    { database: { type: 'postgresql', host: 'db' }, secrets: keys, backup },
    /give secrets\.databasePassword/,
  ],
  ['mail without its server', { secrets: keys, smtp: { enabled: true } }, /give secrets\.smtpUrl/],
  [
    'an administrator without a password',
    { secrets: keys, config: { adminEmail: 'root@example.com' } },
    /give secrets\.adminPassword/,
  ],
  ['the image latest', { secrets: keys, image: { tag: 'latest' } }, /name a version/],
  [
    'a scale upside down',
    { ...postgresql, autoscaling: { enabled: true, minReplicas: 9 } },
    /minReplicas is more than maxReplicas/,
  ],
  [
    'PostgreSQL with backups to nowhere',
    { ...postgresql, backup: {} },
    /give backup\.persistence\.existingClaim/,
  ],
  ['an unknown key', { secrets: keys, replicaCount: 2 }, /additional properties 'replicaCount'/],
  ['an unknown key further down', { secrets: { ...keys, jwt: 'x' } }, /additional properties 'jwt'/],
  ['another kind of database', { secrets: keys, database: { type: 'mysql' } }, /database\/type|'sqlite'/],
];
