import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { CredentialsService } from '../auth/credentials.service.js';
import { PasswordsService } from '../auth/passwords.service.js';
import { Clock } from '../common/clock.js';
import { type CsvRow, type CsvShape, LineErrors, type Progress, readCsv } from '../common/csv-file.js';
import { Problem } from '../common/problem.js';
import { emailKey } from '../common/text.js';
import { NewClientInput } from './clients.dto.js';
import { newWindow } from './clients.rules.js';
import { ClientsService } from './clients.service.js';

/** The fields of `POST /clients` but `demoIds`. */
const shape: CsvShape<NewClientInput> = {
  type: NewClientInput,
  columns: [
    'name',
    'email',
    'company',
    'password',
    'accessStartsAt',
    'accessEndsAt',
    'accessDays',
    'notes',
    'language',
  ],
  required: ['name', 'email'],
  cells: { accessDays: 'number' },
};

/** Checking and hashing take tens of milliseconds each: more would outlast the call. Whoever has none is invited. */
const MAX_PASSWORDS = 100;

/** How many rows are checked before others get a turn. */
const ROWS_A_TURN = 500;

type Rows = CsvRow<NewClientInput>[];

/** Makes clients from a CSV file: all of them or none. */
@Injectable()
export class ClientImportService {
  constructor(
    private readonly clock: Clock,
    private readonly credentials: CredentialsService,
    private readonly passwords: PasswordsService,
    private readonly clients: ClientsService,
  ) {}

  /**
   * Makes a client of every row. Those without a password are invited by mail; where nothing is mailed they wait for an
   * invitation, which is issued one by one.
   * @param options.dryRun check only
   * @returns how many clients were made, or with `dryRun` would be
   * @throws Problem 400 with every bad line; 409 when somebody takes one of the e-mails at the same instant
   */
  async import(
    file: Buffer,
    { dryRun, progress }: { dryRun: boolean; progress?: Progress },
  ): Promise<{ created: number }> {
    const errors = new LineErrors();
    const rows = await readCsv(file, shape, errors, progress);
    await this.checkEach(rows, errors);
    await this.checkEmails(rows, errors);
    errors.assertNone();
    if (!dryRun && rows.length > 0) {
      const bodies = await this.hashed(rows, progress);
      progress?.('Writing', 0, rows.length);
      await this.clients.createAll(bodies).catch(async (error: unknown) => {
        // Somebody took an e-mail since: say which line's. Not before the writing, when nobody else may write.
        if (error instanceof Problem && error.slug === 'conflict') await this.checkEmails(rows, errors);
        errors.assertNone();
        throw error;
      });
      progress?.('Writing', rows.length, rows.length);
    }
    return { created: rows.length };
  }

  private async checkEach(rows: Rows, errors: LineErrors): Promise<void> {
    const limits = await this.clients.windowLimits();
    const now = this.clock.now();
    let passwords = 0;
    for (const [index, { line, value }] of rows.entries()) {
      if (index % ROWS_A_TURN === 0) await nextTurn();
      const { password, name, email, company } = value;
      await errors.check(line, () => newWindow(value, limits, now));
      if (password === undefined) continue;
      passwords += 1;
      if (passwords > MAX_PASSWORDS) {
        const message = `is one more than the ${MAX_PASSWORDS} that one file may bring; leave it out and invite the client`;
        errors.add(line, 'password', message);
        continue;
      }
      const terms = [name, email, company];
      await nextTurn();
      await errors.check(line, () => this.passwords.check(password, { owner: 'client', terms }));
    }
  }

  private async checkEmails(rows: Rows, errors: LineErrors): Promise<void> {
    const taken = await this.credentials.taken(rows.map(({ value }) => value.email));
    const lines = new Map<string, number>();
    for (const [index, { line, value }] of rows.entries()) {
      if (index % ROWS_A_TURN === 0) await nextTurn();
      const key = emailKey(value.email);
      const earlier = lines.get(key);
      if (earlier !== undefined) errors.add(line, 'email', `is that of line ${earlier} too`);
      else if (taken.has(key)) errors.add(line, 'email', 'is that of another account');
      else lines.set(key, line);
    }
  }

  /** Before the unit of work, and when all else is known to be right. */
  private async hashed(
    rows: Rows,
    progress?: Progress,
  ): Promise<(NewClientInput & { passwordHash: string | null })[]> {
    const total = rows.filter(({ value }) => value.password !== undefined).length;
    let done = 0;
    return Promise.all(
      rows.map(async ({ value }) => {
        const { password, name, email, company } = value;
        if (password === undefined) return { ...value, passwordHash: null };
        const terms = [name, email, company];
        const passwordHash = await this.passwords.hashNew(password, { owner: 'client', terms });
        progress?.('Hashing passwords', (done += 1), total);
        return { ...value, passwordHash };
      }),
    );
  }
}
