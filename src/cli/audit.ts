import { AuditChain } from '../audit/audit-chain.service.js';
import { withServices } from './context.js';
import { CommandError, type Output } from './output.js';

/** Recomputes the whole hash chain, and looks for a head that was kept elsewhere. */
export async function verifyAudit(output: Output, head: string | undefined): Promise<void> {
  await withServices(async (services) => {
    const found = await services.get(AuditChain).verify(head);
    const { valid, entries, firstBroken } = found;
    if (valid) {
      output.result(found, `The chain of ${entries} entries is whole. Its head is ${found.head ?? 'empty'}.`);
      return;
    }
    if (output.json) output.result(found, '');
    throw new CommandError(
      firstBroken
        ? `The chain is broken at entry ${firstBroken.seq} (${firstBroken.id}).`
        : `No entry has the hash ${head ?? ''}: the chain was cut, or it is another one.`,
    );
  });
}

/** Writes the whole log as NDJSON to standard output, the chain's head last. */
export async function exportAudit(): Promise<void> {
  await withServices(async (services) => {
    for await (const line of services.get(AuditChain).export()) {
      if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  });
}
