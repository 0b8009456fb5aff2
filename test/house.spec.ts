import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { getMetadataArgsStorage } from 'typeorm';
import { migrations } from '../migrations/index.js';
import { entities } from '../src/database/entities.js';

const root = join(import.meta.dirname, '..');

describe('the lists that the app and the command line share', () => {
  it('names every entity on disk', async () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.entity.ts')))
      await import(join(root, 'src', file));
    const onDisk = getMetadataArgsStorage().tables.map((table) => (table.target as { name: string }).name);
    expect(entities.map((entity) => entity.name).sort()).toEqual(onDisk.sort());
  });

  it('names every migration on disk, in the order of their numbers', async () => {
    const files = readdirSync(join(root, 'migrations')).filter((name) => /^\d{4}-.*\.ts$/.test(name));
    const onDisk: string[] = [];
    for (const file of files.sort())
      onDisk.push(...Object.keys((await import(join(root, 'migrations', file))) as object));
    expect(migrations.map((migration) => migration.name)).toEqual(onDisk);
    expect(migrations.map((Migration) => new Migration().name)).toEqual(onDisk);
  });

  it('numbers migrations upwards', () => {
    const numbers = migrations.map((migration) => Number(/\d+$/.exec(migration.name)?.[0]));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });
});
