import { hash } from 'node:crypto';

/** How many rows a table has, and a digest of them that does not depend on their order. */
export interface TableTally {
  readonly rows: number;
  readonly digest: string;
}

/** Counts by table. */
export type Tallies = Readonly<Record<string, TableTally>>;

/**
 * Counts rows and sums up their hashes. A sum needs no order, in which the two databases differ, and no memory. It
 * finds mistakes; whole files are held together by a hash of their own.
 */
export class Tally {
  private rows = 0;
  private readonly sums = new Uint32Array(8);

  add(lines: readonly string[]): void {
    this.rows += lines.length;
    for (const line of lines) {
      const bytes = hash('sha256', line, 'buffer');
      for (let index = 0; index < 8; index += 1) this.sums[index]! += bytes.readUInt32BE(index * 4);
    }
  }

  get result(): TableTally {
    const digest = [...this.sums].map((sum) => sum.toString(16).padStart(8, '0')).join('');
    return { rows: this.rows, digest };
  }
}
