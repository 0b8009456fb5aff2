/** One environment variable: the list is the documentation (docs/configuration.md) and the rule at once. */
export interface Variable {
  name: string;
  help: string;
  default?: string;
  unit?: string;
  /** May be given as `NAME_FILE`, and never appears in a message. */
  secret?: true;
  /** In production the server does not start without it. */
  required?: true;
}

/** Every environment variable that the product reads. Nothing else in the code reads the environment. */
export const variables = [
  {
    name: 'NODE_ENV',
    help: '`production` generates and migrates nothing by itself.',
    default: 'development',
  },
  { name: 'HOST', help: 'Address to listen on. The image sets 0.0.0.0.', default: '127.0.0.1' },
  { name: 'PORT', help: 'Port of the API.', default: '3000' },
  {
    name: 'METRICS_PORT',
    help: 'Port of the metrics for Prometheus (`/metrics`), on the same address; 0: any that is free.',
    default: '9464',
  },
  {
    name: 'DATABASE_URL',
    help: '`sqlite:PATH`, `postgres://…` or `postgresql://…` (`?sslmode=`).',
    default: 'sqlite:./data/ecatalog.db',
    secret: true,
  },
  { name: 'DATABASE_HOST', help: 'PostgreSQL given in parts, instead of DATABASE_URL: host.' },
  { name: 'DATABASE_PORT', help: 'PostgreSQL in parts: port.', default: '5432' },
  { name: 'DATABASE_NAME', help: 'PostgreSQL in parts: database.' },
  { name: 'DATABASE_USER', help: 'PostgreSQL in parts: role.' },
  { name: 'DATABASE_PASSWORD', help: 'PostgreSQL in parts: password.', secret: true },
  {
    name: 'DATABASE_SSLMODE',
    help: 'PostgreSQL in parts: `disable`, `require`, `verify-ca` or `verify-full`.',
  },
  {
    name: 'DATABASE_MIGRATION_URL',
    help: 'The owner role, direct, for migrations; without it they use DATABASE_URL.',
    secret: true,
  },
  {
    name: 'DATABASE_REPLICA_URL',
    help: 'A read replica of PostgreSQL: analytics are read from it while it answers.',
    secret: true,
  },
  { name: 'DATABASE_POOL_SIZE', help: 'Connections that one process holds to PostgreSQL.', default: '10' },
  {
    name: 'DATABASE_CONNECT_TIMEOUT_MS',
    help: 'How long a query may wait for a connection.',
    default: '5000',
    unit: 'ms',
  },
  {
    name: 'DATABASE_STATEMENT_TIMEOUT_MS',
    help: 'How long one statement may run.',
    default: '15000',
    unit: 'ms',
  },
  {
    name: 'DATABASE_LOCK_TIMEOUT_MS',
    help: 'How long a statement may wait for a lock.',
    default: '5000',
    unit: 'ms',
  },
  {
    name: 'DATABASE_IDLE_TX_TIMEOUT_MS',
    help: 'How long a transaction may do nothing.',
    default: '15000',
    unit: 'ms',
  },
  {
    name: 'DATABASE_IDLE_CONNECTION_MS',
    help: 'When an unused connection is closed.',
    default: '30000',
    unit: 'ms',
  },
  {
    name: 'DATABASE_MAX_CONNECTION_AGE_S',
    help: 'When a connection is replaced.',
    default: '3600',
    unit: 's',
  },
  {
    name: 'SQLITE_SYNCHRONOUS',
    help: '`FULL`: an acknowledged write survives power loss; `NORMAL`: a crash of the process.',
    default: 'FULL',
  },
  {
    name: 'WRITE_LANE_TIMEOUT_MS',
    help: 'SQLite: how long a write may wait for its turn before 503.',
    default: '5000',
    unit: 'ms',
  },
  {
    name: 'BACKUP_DIR',
    help: 'Folder of the backups that `ecatalog backup` makes.',
    default: './data/backups',
  },
  {
    name: 'BACKUP_KEEP_DAILY',
    help: '`backup prune` keeps the newest backup of each of so many last days that have one.',
    default: '7',
  },
  { name: 'BACKUP_KEEP_WEEKLY', help: 'The same by week, from Monday on.', default: '5' },
  { name: 'BACKUP_KEEP_MONTHLY', help: 'The same by month.', default: '12' },
  {
    name: 'JWT_SECRET',
    help: 'Signs access tokens, 32 bytes or more. In development made beside the database.',
    secret: true,
    required: true,
  },
  {
    name: 'JWT_SECRET_PREVIOUS',
    help: 'The secret before the last rotation: its tokens are still taken.',
    secret: true,
  },
  {
    name: 'DATA_KEY',
    help: 'Encrypts second-factor secrets and unsent mail at rest: 32 bytes in base64 or hex. In development made beside the database.',
    secret: true,
    required: true,
  },
  {
    name: 'DATA_KEY_PREVIOUS',
    help: 'The key before the last rotation: what it encrypted is still read, and encrypted anew by the job `encryption`.',
    secret: true,
  },
  { name: 'ADMIN_EMAIL', help: 'The first administrator, used only while there is no user.' },
  {
    name: 'ADMIN_PASSWORD',
    help: 'Password of the first administrator, 15 characters or more.',
    secret: true,
  },
  { name: 'PUBLIC_URL', help: "The front end's address, for links in invitations and resets." },
  {
    name: 'SMTP_URL',
    help: 'The mail server, `smtp://user:password@host:587` or `smtps://…`; without it nothing is mailed.',
    secret: true,
  },
  {
    name: 'MAIL_FROM',
    help: 'Who mails come from, as `LTP Labs <catalog@example.com>`; without it no-reply at the host of PUBLIC_URL.',
  },
  {
    name: 'JOBS_TICK_MS',
    help: 'How often it is asked which background jobs are due; 0: this process does none.',
    default: '5000',
    unit: 'ms',
  },
  {
    name: 'TRUSTED_PROXIES',
    help: 'Addresses or networks (CIDR) of proxies whose X-Forwarded-For is believed, by comma.',
  },
  {
    name: 'REGISTRY_AUTH_FILE',
    help: 'Path of a file in the format of docker’s config.json: who signs in to which image registry.',
  },
  {
    name: 'EGRESS_ALLOW',
    help: 'Private addresses or networks (CIDR) that image registries may be asked at, by comma. None by default.',
  },
  { name: 'CORS_ORIGINS', help: 'Origins that a browser may call from, by comma. None by default.' },
  {
    name: 'LOG_LEVEL',
    help: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`; `info` in production, else `warn`.',
  },
  {
    name: 'DRAIN_SECONDS',
    help: 'How long readiness is off before the server closes at SIGTERM.',
    default: '0',
    unit: 's',
  },
] as const satisfies Variable[];

export type VariableName = (typeof variables)[number]['name'];
