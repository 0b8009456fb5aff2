import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { AccountTokensService, type IssuedToken } from '../auth/account-tokens.service.js';
import { CredentialsService, refOf } from '../auth/credentials.service.js';
import { SecondFactorsService } from '../auth/second-factors.service.js';
import { UsersService } from '../auth/users.service.js';
import { AuditService } from '../audit/audit.service.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { withServices } from './context.js';
import { CommandError, type Output } from './output.js';

/** Makes an administrator: with an invitation that is printed, or with a password that is asked for. */
export async function createAdmin(
  output: Output,
  { name, email, password }: { name: string; email: string; password?: boolean },
): Promise<void> {
  const secret = password ? await askPassword() : undefined;
  await withServices(async (services) => {
    const { id, invitation } = await services.get(UsersService).create({
      name,
      email,
      role: 'admin',
      language: 'en',
      ...(secret !== undefined && { password: secret }),
    });
    output.result(
      { id, email, invitation },
      invitation
        ? `${email} is an administrator once the invitation is accepted.\n${linkText(invitation, 'invitations/accept')}`
        : `${email} is an administrator.`,
    );
  });
}

/**
 * Issues a password-reset link for a user or client; the earlier one is dead.
 * @param options.secondFactor takes a user's lost second factor away, too
 */
export async function resetPassword(
  output: Output,
  email: string,
  { secondFactor = false }: { secondFactor?: boolean } = {},
): Promise<void> {
  await withServices(async (services) => {
    const account = await services.get(CredentialsService).findByEmail(email);
    if (!account) throw new CommandError(`Nobody has the e-mail ${email}.`);
    const ref = refOf(account);
    if (secondFactor && ref.kind === 'client') throw new CommandError('A client has no second factor.');
    const [reset, removed] = await services.get(UnitOfWork).run(async () => {
      services
        .get(AuditService)
        .record({ action: 'auth.password-reset-issued', entityType: ref.kind, entityId: ref.id });
      const issued = await services.get(AccountTokensService).issuePasswordReset(ref);
      return [issued, secondFactor && (await services.get(SecondFactorsService).remove(ref.id))] as const;
    });
    const aside = removed ? 'The second factor is gone.' : 'There was no second factor.';
    output.result(
      { email, reset, ...(secondFactor && { secondFactorRemoved: removed }) },
      `${linkText(reset, 'password-resets/confirm')}${secondFactor ? `\n${aside}` : ''}`,
    );
  });
}

function linkText({ token, url, expiresAt }: IssuedToken, call: string): string {
  const what = url ?? `${token}\n(the token of POST /api/v1/auth/${call})`;
  return `${what}\nGood once, until ${expiresAt.toISOString()}.`;
}

/** Reads a password: from the terminal without showing it, or as the first line of standard input. */
async function askPassword(): Promise<string> {
  const terminal = process.stdin.isTTY;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (terminal) process.stderr.write('Password: ');
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal });
  try {
    for await (const line of lines) return line;
    throw new CommandError('No password was given.');
  } finally {
    lines.close();
    if (terminal) process.stderr.write('\n');
  }
}
