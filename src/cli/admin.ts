import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { AccountTokensService, type IssuedToken } from '../auth/account-tokens.service.js';
import { CredentialsService } from '../auth/credentials.service.js';
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

/** Issues a password-reset link for a user or client; the earlier one is dead. */
export async function resetPassword(output: Output, email: string): Promise<void> {
  await withServices(async (services) => {
    const account = await services.get(CredentialsService).findByEmail(email);
    if (!account) throw new CommandError(`Nobody has the e-mail ${email}.`);
    const ref =
      account.userId !== null
        ? ({ kind: 'user', id: account.userId } as const)
        : ({ kind: 'client', id: account.clientId as string } as const);
    const reset = await services.get(UnitOfWork).run(async () => {
      services
        .get(AuditService)
        .record({ action: 'auth.password-reset-issued', entityType: ref.kind, entityId: ref.id });
      return services.get(AccountTokensService).issuePasswordReset(ref);
    });
    output.result({ email, reset }, linkText(reset, 'password-resets/confirm'));
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
