/**
 * The house rules that a program can check (docs/contributing.md has the others). Three parts: the language, who may
 * import whom (architecture), and what only one place may do (clock, environment, console).
 */
import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import globals from 'globals';
import { readdirSync } from 'node:fs';
import tseslint from 'typescript-eslint';

/** Folders of src that are no feature: a feature is any other. */
const FOUNDATION = ['common', 'config', 'database'];
const features = readdirSync(new URL('src', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...FOUNDATION, 'cli'].includes(entry.name))
  .map((entry) => entry.name);

/** Features meet through exported services: what these files hold is their own. */
const PRIVATE = '*.{entity,queries,rules}.ts';

const zones = [
  ...features.map((feature) => ({
    target: `./src/${feature}`,
    from: `./src/!(${feature})/**/${PRIVATE}`,
    message: 'Another feature’s entities, queries and rules are its own: call a service that it exports.',
  })),
  {
    target: './src/**/*.controller.ts',
    from: './src/**/*.{entity,queries}.ts',
    message: 'A controller has routes only: ask its service.',
  },
  {
    target: ['./src/common', './src/config'],
    from: features.map((feature) => `./src/${feature}`),
    message: 'common and config know no feature.',
  },
  {
    target: './src/database/**/!(entities).ts',
    from: features.map((feature) => `./src/${feature}`),
    message: 'database knows no feature; entities.ts alone lists their entities.',
  },
  {
    target: './migrations',
    from: './src',
    message: 'A migration must mean the same forever: it imports nothing of src, which changes.',
  },
];

const CLOCK = [
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Ask the injected Clock what time it is.',
  },
  {
    selector: 'CallExpression[callee.object.name="Date"][callee.property.name="now"]',
    message: 'Ask the injected Clock what time it is.',
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'data/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'off', // decorators need some imports as values
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/explicit-module-boundary-types': [
        'error',
        { allowDirectConstAssertionInArrowFunctions: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allow: ['URL', 'URLSearchParams'] },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // Nest wires modules and DTOs as classes that hold nothing else.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      // noUncheckedIndexedAccess makes `!` the honest word where an index is known to exist.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An async function without await is how to answer a promise that rejects instead of throwing.
      '@typescript-eslint/require-await': 'off',
      // TypeORM and class-validator take plain objects of an entity's or DTO's shape.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // [...text] is how to walk a string by code points; entities and DTOs are plain rows without a prototype to lose.
      '@typescript-eslint/no-misused-spread': 'off',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    files: ['src/**/*.ts', 'migrations/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...CLOCK],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only src/config reads the environment.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'node:process', importNames: ['env'], message: 'Only src/config reads the environment.' },
            { name: '@nestjs/common', importNames: ['forwardRef'], message: 'Break the circle instead.' },
          ],
        },
      ],
    },
  },
  // The words of ddl() are plain functions, made to be taken apart.
  { files: ['migrations/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  {
    files: ['src/config/**/*.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' },
  },
  { files: ['src/common/clock.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.spec.ts', '**/*.db-spec.ts', 'test/**/*.ts'],
    rules: {
      // A parsed answer is `any`: what it holds is what the test checks.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      'import-x/no-restricted-paths': 'off',
      'no-restricted-syntax': 'off',
      'no-restricted-properties': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: { ...globals.node } },
  },
  prettier,
);
