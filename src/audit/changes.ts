/** Stands in an audit entry where a personal value or a secret was: only that it changed is kept. */
export const LEFT_OUT = '(left out)';

/** The fields of people whose values no audit entry holds (api.md, Analytics, audit, settings). */
const PERSONAL = new Set(['name', 'email', 'company', 'notes', 'message', 'env']);

/**
 * Compares a resource before and after a change.
 * @returns the fields that differ, as they were and as they are, personal values left out; undefined when none does
 */
export function changes<T extends object>(
  before: T,
  after: Partial<T>,
): { before: Record<string, unknown>; after: Record<string, unknown> } | undefined {
  const differing = (Object.keys(after) as (keyof T & string)[]).filter(
    (field) => JSON.stringify(before[field] ?? null) !== JSON.stringify(after[field] ?? null),
  );
  if (differing.length === 0) return undefined;
  return { before: shown(before, differing), after: shown(after as T, differing) };
}

/** Returns the given fields of `value` for an audit entry, personal values and secrets left out, also in nested objects. */
export function shown<T extends object>(value: T, fields: (keyof T & string)[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field, leaveOut(field, value[field])]));
}

function leaveOut(field: string, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (PERSONAL.has(field)) return LEFT_OUT;
  if (value instanceof Date || Array.isArray(value) || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, leaveOut(key, inner)]));
}
