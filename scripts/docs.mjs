/**
 * `npm run docs` writes the pages that the code says itself: docs/configuration.md from the variables and settings,
 * docs/schema.md from the entities. With `--check` it fails where a page is not what the code says.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { variables } from '../dist/src/config/variables.js';
import { buildDataSource } from '../dist/src/database/data-source.js';
import { databaseDefaults } from '../dist/src/database/database-settings.js';
import { releasedSchema } from '../dist/src/database/released-schema.js';
import { settingList } from '../dist/src/settings/setting-list.js';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');

await save('docs/configuration.md', configuration());
await save('docs/schema.md', await schema());

async function save(file, text) {
  const path = join(root, file);
  const page = await format(text, { ...(await resolveConfig(path)), filepath: path });
  let old;
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    old = '';
  }
  if (page === old) return;
  if (check) {
    console.error(`${file} is not what the code says: run \`npm run docs\`.`);
    process.exitCode = 1;
    return;
  }
  writeFileSync(path, page);
  console.log(`Wrote ${file}`);
}

/** A table in Markdown; a bar within a cell would end it. */
function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function configuration() {
  const needed = variables.filter(({ required }) => required).map(({ name }) => `\`${name}\``);
  const notes = ({ secret, required, unit }) =>
    [required && '**required in production**', secret && 'or by `_FILE`', unit && `in ${unit}`]
      .filter(Boolean)
      .join(', ');
  return `# Configuration

<!-- Written by \`npm run docs\` from src/config/variables.ts and src/settings/setting-list.ts. -->

What the process reads at its start comes from the environment, in development also from a file \`.env\`; what an
administrator changes while it runs are the settings below. \`ecatalog doctor\` reads the environment as the server
would and says in words what is wrong with it.

With \`NODE_ENV=production\` nothing is generated: ${needed.join(' and ')} must be given, and a missing, weak or known
secret stops the start with its name. A variable marked “or by \`_FILE\`” may be given as a file: \`JWT_SECRET_FILE\`
names the file that holds it, as Docker and Kubernetes mount secrets. An empty variable counts as none.

## Environment variables

${table(
  ['variable', 'default', 'meaning', ''],
  variables.map((variable) => [
    `\`${variable.name}\``,
    variable.default === undefined ? '' : `\`${variable.default}\``,
    variable.help,
    notes(variable),
  ]),
)}

PostgreSQL is given either by \`DATABASE_URL\` or by its parts (\`DATABASE_HOST\` and the others), never by both.

## Settings

In the database, by \`GET /api/v1/settings\` and \`PATCH /api/v1/settings/{key}\` for administrators. Each change is
audited and binds the next request, on every replica.

${table(
  ['key', 'default', 'what it may be', 'meaning'],
  Object.entries(settingList).map(([key, { default: fallback, rule, description }]) => [
    `\`${key}\``,
    `\`${JSON.stringify(fallback)}\``,
    range(rule),
    description,
  ]),
)}
`;
}

function range({ type, min, max, maxItems, nullable }) {
  const words = {
    integer: `whole number, ${min} to ${max}`,
    integers: `up to ${maxItems} whole numbers, ${min} to ${max}`,
    boolean: 'true or false',
    urlTemplate: 'web address with placeholders',
  };
  return `${words[type]}${nullable ? ', or null' : ''}`;
}

async function schema() {
  const settings = { ...databaseDefaults, url: { kind: 'sqlite', path: ':memory:' } };
  const dataSource = buildDataSource(settings, { role: 'app' });
  await dataSource.buildMetadatas();
  const byName = (a, b) => (a.tableName < b.tableName ? -1 : 1);
  const entities = [...dataSource.entityMetadatas].sort(byName);
  const views = Object.keys(releasedSchema.fingerprint('postgres')).flatMap(
    (key) => key.match(/^view (\w+)$/)?.[1] ?? [],
  );
  const list = (names) => names.map((name) => `\`${name}\``).join(', ');
  return `# The schema

<!-- Written by \`npm run docs\` from the entities. -->

The same on both databases. Types are those of PostgreSQL; SQLite keeps an id as text of 36 characters, an instant as
text in UTC with milliseconds, and JSON as text. Lengths are CHECKs, too, because SQLite does not enforce them. The
migrations in \`migrations/\` make it; \`ecatalog schema verify\` compares a live database with them.

\`\`\`mermaid
erDiagram
${entities.flatMap(relations).sort().join('\n')}
${entities.map(boxOf).join('\n')}
\`\`\`

## Keys and indexes

${table(
  ['table', 'primary key', 'unique', 'indexes', 'goes with'],
  entities.map((entity) => [
    `\`${entity.tableName}\``,
    list(entity.primaryColumns.map((column) => column.databaseName)),
    list(
      [...entity.uniques.map(named), ...entity.indices.filter((index) => index.isUnique).map(named)].sort(),
    ),
    list(
      entity.indices
        .filter((index) => !index.isUnique)
        .map(named)
        .sort(),
    ),
    list(
      entity.foreignKeys
        .filter((key) => key.onDelete === 'CASCADE')
        .map((key) => key.referencedEntityMetadata.tableName)
        .sort(),
    ),
  ]),
)}

“Goes with”: a row is deleted with the row of that table it belongs to; elsewhere the reference forbids it.

## Views

For reports by SQL; no rule of the product reads them: ${list(views)}.
`;
}

function named({ name }) {
  return name;
}

/** A line for each foreign key: one or none there; here one at most where the key is unique, else many. */
function relations({ tableName, foreignKeys, uniques, primaryColumns }) {
  return foreignKeys.map(({ columns, referencedEntityMetadata }) => {
    const there = columns.some((column) => column.isNullable) ? '|o' : '||';
    const same = (others) =>
      others.length === columns.length && others.every((column) => columns.includes(column));
    const here = [primaryColumns, ...uniques.map((unique) => unique.columns)].some(same) ? 'o|' : 'o{';
    const by = columns.map((column) => column.databaseName).join('-');
    return `  ${referencedEntityMetadata.tableName} ${there}--${here} ${tableName} : ${by}`;
  });
}

function boxOf({ tableName, columns, foreignKeys, uniques }) {
  const lines = columns.map((column) => {
    const type = `${column.type}${column.length ? `(${column.length})` : ''}`;
    const keys = [
      column.isPrimary && 'PK',
      foreignKeys.some((key) => key.columns.includes(column)) && 'FK',
      uniques.some((unique) => unique.columns.length === 1 && unique.columns[0] === column) && 'UK',
    ].filter(Boolean);
    return `    ${[type, column.databaseName, keys.join(', '), column.isNullable && '"may be empty"'].filter(Boolean).join(' ')}`;
  });
  return `  ${tableName} {\n${lines.join('\n')}\n  }`;
}
