#!/usr/bin/env node
import 'reflect-metadata';
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { CommandError, Output, UsageError } from './cli/output.js';
import { type JobName, jobNames } from './jobs/job-names.js';

// Each command imports what it needs when it runs: a migration does not load the whole server.
const program = new Command('ecatalog')
  .description('The LTP Labs E-Catalog: its server, and everything an operator does.')
  .option('--json', 'answer with JSON, for machines')
  .showHelpAfterError()
  .exitOverride();
const output = () => new Output(program.opts<{ json?: boolean }>().json === true);

program
  .command('serve')
  .description('the API')
  .option('--sample', 'load the sample catalog first')
  .action((options: { sample?: boolean }) =>
    import('./cli/serve.js').then(({ serve }) => serve(output(), options)),
  );

const migrate = program.command('migrate').description('the schema of the database');
migrate
  .command('up')
  .description('apply what is pending')
  .option('--plan', 'print the SQL and change nothing')
  .option('--to <name>', 'the last migration to apply')
  .action((options: { plan?: boolean; to?: string }) =>
    import('./cli/migrate.js').then(({ migrateUp }) => migrateUp(output(), options)),
  );
migrate
  .command('down')
  .description('undo the last migrations')
  .argument('[n]', 'how many', positive, 1)
  .action((count: number) =>
    import('./cli/migrate.js').then(({ migrateDown }) => migrateDown(output(), count)),
  );
migrate
  .command('status')
  .description('what is applied and what is pending')
  .action(() => import('./cli/migrate.js').then(({ migrateStatus }) => migrateStatus(output())));

program
  .command('schema')
  .description('the schema as it is')
  .command('verify')
  .description('compare it with the entities and the committed fingerprint')
  .action(() => import('./cli/migrate.js').then(({ verifySchema }) => verifySchema(output())));

program
  .command('seed')
  .description('load the sample catalog; again, it adds what is missing')
  .option('--force', 'in production too')
  .action((options: { force?: boolean }) =>
    import('./cli/seed.js').then(({ seed }) => seed(output(), options)),
  );

const admin = program.command('admin').description("administrators' accounts");
admin
  .command('create')
  .description('make an administrator; prints a single-use invitation')
  .requiredOption('--email <email>')
  .option('--name <name>', 'the name of the person', 'Administrator')
  .option('--password', 'ask for the password instead (or read it from standard input)')
  .action((options: { email: string; name: string; password?: boolean }) =>
    import('./cli/admin.js').then(({ createAdmin }) => createAdmin(output(), options)),
  );
admin
  .command('reset-password')
  .description('print a single-use link to choose a new password, for a user or a client')
  .argument('<email>')
  .option('--second-factor', 'take a second factor that was lost away, too')
  .action((email: string, options: { secondFactor?: boolean }) =>
    import('./cli/admin.js').then(({ resetPassword }) => resetPassword(output(), email, options)),
  );

const importing = program.command('import').description('many at once, from a CSV file: all of them or none');
for (const kind of ['clients', 'demos'] as const) {
  importing
    .command(kind)
    .description(`make ${kind}; the columns are the fields of POST /${kind}`)
    .argument('<file>', 'CSV in UTF-8, its first line the names of the columns')
    .option('--dry-run', 'check the file and change nothing')
    .action((file: string, options: { dryRun?: boolean }) =>
      import('./cli/import.js').then(({ importFile }) =>
        importFile(output(), kind, file, options.dryRun === true),
      ),
    );
}

const audit = program.command('audit').description('the audit log');
audit
  .command('verify')
  .description('recompute the hash chain')
  .option('--head <hash>', 'a head that was kept elsewhere and must be in the chain')
  .action((options: { head?: string }) =>
    import('./cli/audit.js').then(({ verifyAudit }) => verifyAudit(output(), options.head)),
  );
audit
  .command('export')
  .description('write the log as NDJSON, the head of the chain last')
  .action(() => import('./cli/audit.js').then(({ exportAudit }) => exportAudit()));

const backup = program.command('backup').description('backups of the database');
backup
  .command('create')
  .description('make one beside the server, and check it by restoring it into a scratch file')
  .option('--to <dir>', 'the folder, in place of BACKUP_DIR')
  .option('--portable', 'as rows that SQLite and PostgreSQL take alike, without pg_dump')
  .action((options: { to?: string; portable?: boolean }) =>
    import('./cli/backup.js').then(({ createBackupFile }) => createBackupFile(output(), options)),
  );
backup
  .command('list')
  .description('the backups in BACKUP_DIR')
  .action(() => import('./cli/backup.js').then(({ listBackupFiles }) => listBackupFiles(output())));
backup
  .command('verify')
  .description('restore one into a scratch file and compare every table')
  .argument('<file>')
  .action((file: string) =>
    import('./cli/backup.js').then(({ verifyBackupFile }) => verifyBackupFile(output(), file)),
  );
backup
  .command('prune')
  .description('remove those that BACKUP_KEEP_DAILY, _WEEKLY and _MONTHLY do not keep')
  .option('--dry-run', 'say what would go and remove nothing')
  .action((options: { dryRun?: boolean }) =>
    import('./cli/backup.js').then(({ pruneBackupFiles }) => pruneBackupFiles(output(), options)),
  );
backup
  .command('restore')
  .description('put one into the database of DATABASE_URL, all of it or nothing; the server must not run')
  .argument('<file>')
  .option('--replace', 'also where the database has rows')
  .action((file: string, options: { replace?: boolean }) =>
    import('./cli/backup.js').then(({ restoreBackupFile }) => restoreBackupFile(output(), file, options)),
  );

program
  .command('move')
  .description('copy everything into an empty database of the other kind, compared before it is kept')
  .requiredOption('--from <url>', 'sqlite:PATH, postgres://user@host/database, or env:NAME')
  .requiredOption('--to <url>', 'the same; a password comes from env:NAME or PGPASSWORD, never from here')
  .action((options: { from: string; to: string }) =>
    import('./cli/move.js').then(({ move }) => move(output(), options)),
  );

program
  .command('jobs')
  .description('the background jobs')
  .command('run')
  .description('do one now')
  .addArgument(new Argument('<name>', 'the job').choices(jobNames))
  .action((name: JobName) => import('./cli/jobs.js').then(({ runJob }) => runJob(output(), name)));

program
  .command('doctor')
  .description('read the environment and say what is wrong with it')
  .action(() => import('./cli/doctor.js').then(({ doctor }) => doctor(output())));

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

/** Exit codes: 0 done, 1 failed, 2 misuse. */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known =
    error instanceof CommandError ||
    (error instanceof Error && error.name !== 'Error' && !(error instanceof TypeError));
  process.stderr.write(
    `${error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)}\n`,
  );
  return error instanceof UsageError ? 2 : 1;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}
