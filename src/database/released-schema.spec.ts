import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrationsFolder, releasedSchema, sourceChecksum } from './released-schema.js';

const sources = readdirSync(migrationsFolder())
  .filter((file) => /^\d{4}-.*\.ts$/.test(file) && !file.includes('spec.'))
  .sort()
  .map((file) => {
    const source = readFileSync(join(migrationsFolder(), file), 'utf8');
    return { file, source, name: /export class (\w+)/.exec(source)?.[1] ?? '' };
  });

describe('The list of migrations', () => {
  it('holds every file of the folder, in order', () => {
    expect(releasedSchema.migrations.map((Migration) => new Migration().name)).toEqual(
      sources.map(({ name }) => name),
    );
    expect(sources.map(({ file }) => Number(file.slice(0, 4)))).toEqual(sources.map((_, index) => index + 1));
  });

  it('has names that sort by their instant', () => {
    const instants = sources.map(({ name }) => name.slice(-13));
    expect(instants.every((instant) => /^\d{13}$/.test(instant))).toBe(true);
    expect([...new Set(instants)].sort()).toEqual(instants);
  });

  it('has the checksum of each source: one that was applied somewhere must not be edited', () => {
    expect(releasedSchema.checksums).toEqual(
      Object.fromEntries(sources.map(({ name, source }) => [name, sourceChecksum(source)])),
    );
  });

  it('has a checksum that does not depend on the line ends of a checkout', () => {
    expect(sourceChecksum('a\r\nb\r\n')).toBe(sourceChecksum('a\nb\n'));
  });
});
