/** What a suite must end by: harness objects register themselves here, and setup.ts closes them all after it. */
const open = new Map<object, () => Promise<void>>();

/** Closes `thing` after the suite, in reverse order of registration, unless `closed` is told before. */
export function closeAfterSuite(thing: object, close: () => Promise<void>): void {
  open.set(thing, close);
}

export function closed(thing: object): void {
  open.delete(thing);
}

/** Closes all that is still open; throws what the closings threw, so that the suite fails. */
export async function closeEverything(): Promise<void> {
  const errors: unknown[] = [];
  for (const close of [...open.values()].reverse())
    await close().catch((error: unknown) => errors.push(error));
  open.clear();
  if (errors.length === 1) throw errors[0];
  if (errors.length) throw new AggregateError(errors, errors.map(String).join('\n'));
}
