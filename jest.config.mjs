/**
 * Which suites run where, by the end of a file's name:
 *   *.spec.ts      pure: no database, no process of its own; runs once, beside the code it tests
 *   *.db-spec.ts   needs a database in this process (src/database, migrations): once per database
 *   *.e2e-spec.ts  starts the built app and speaks HTTP to it (test/): once per database
 * Run them by `npm test` (test/run.mjs), which starts PostgreSQL and prepares the migrated templates.
 * A suite learns its database from TEST_DATABASE (`sqlite` or `postgres`), best through test/support/database.ts.
 */
const shared = {
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/src', '<rootDir>/migrations', '<rootDir>/test'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Sources import './x.js', as Node wants it; beside them lies only x.ts.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1.ts'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
};

const perDatabase = (name, color) => ({
  ...shared,
  displayName: { name, color },
  globals: { TEST_DATABASE: name },
  testMatch: ['**/*.db-spec.ts', '**/*.e2e-spec.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/setup.ts'],
});

export default {
  projects: [
    { ...shared, displayName: { name: 'unit', color: 'white' }, testMatch: ['**/*.spec.ts'] },
    perDatabase('sqlite', 'cyan'),
    perDatabase('postgres', 'blue'),
  ],
  maxWorkers: 2,
  // A new process for each suite: native drivers keep the error class of the first suite that loads them, and in the
  // next one `instanceof Error` would be false.
  workerIdleMemoryLimit: 0,
  testTimeout: 120_000,
  reporters: ['default', '<rootDir>/test/support/counts-reporter.mjs'],
};
