/**
 * `npm run openapi` writes openapi.json, the committed copy of the API's document; with `--check` it fails when the
 * copy differs. A removed or renamed operation, field or status is a breaking change: it shows in the diff.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';

const { createApp } = await import('../dist/src/app.setup.js');
const { loadConfig } = await import('../dist/src/config/app-config.js');
const { makeOpenApiDocument } = await import('../dist/src/openapi.js');

const file = join(import.meta.dirname, '../openapi.json');
const config = loadConfig({
  NODE_ENV: 'production',
  DATABASE_URL: 'sqlite:./never-opened.db',
  JWT_SECRET: 'Qm9vdHMgdGhlIGFwcCBvbmx5IHRvIGRlc2NyaWJlIGl0',
  DATA_KEY: 'kH0mVt3bq8Zs5xRr1oYw7cJd2eLf9uNgAiTpXvBzSyE=',
  LOG_LEVEL: 'silent',
});
const app = await createApp(config);
const text = await format(JSON.stringify(sorted(makeOpenApiDocument(app))), { parser: 'json' });
await app.close();

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (text !== readFileSync(file, 'utf8')) {
  console.error(
    'openapi.json differs from the code. If the change is meant, run `npm run openapi` and commit it.',
  );
  process.exitCode = 1;
} else {
  console.log('openapi.json is what the code says.');
}

/** Paths and schemas by name: the order of modules and imports must not show as a change. */
function sorted(document) {
  const byName = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...document,
    paths: byName(document.paths),
    components: { ...document.components, schemas: byName(document.components.schemas) },
  };
}
