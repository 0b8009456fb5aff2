import type { ClientStatus } from '../auth/accounts.js';
import { conflict, invalid, Problem } from '../common/problem.js';
import type { RequestKind, RequestStatus } from './request.entity.js';

/** What is asked for, as it was sent. */
export interface Asked {
  kind: RequestKind;
  days?: number;
  demoIds?: string[];
}

/** A demo that was asked for, as far as a rule needs it. */
export interface AskedDemo {
  demoId: string;
  title: string;
  demoStatus: string;
}

/** The settings `renewal.autoApproveDays` and `renewal.autoApproveTimes`. */
export interface AutoApproval {
  days: number;
  times: number;
}

/**
 * Checks that a client may ask: while active for anything, once expired for time only (api.md, Clients and requests).
 * @throws Problem 403, what the guard would say of this status
 */
export function assertMayAsk(kind: RequestKind, status: ClientStatus): void {
  if (status === 'active' || (status === 'expired' && kind === 'renewal')) return;
  const slug = status === 'scheduled' ? 'access-not-started' : (`access-${status}` as const);
  throw new Problem(slug, 'This is not open to you.');
}

/**
 * Checks that a renewal names days, within the most that may be asked for at once, and an access request demos.
 * @throws Problem 400 naming `days` or `demoIds`
 */
export function assertWellAsked({ kind, days, demoIds }: Asked, maxDays: number): void {
  const [needed, stray] =
    kind === 'renewal' ? (['days', 'demoIds'] as const) : (['demoIds', 'days'] as const);
  const given = { days, demoIds };
  if (given[needed] === undefined) throw invalid(needed, `is what a request of kind ${kind} asks for`);
  if (given[stray] !== undefined) throw invalid(stray, `is nothing that a request of kind ${kind} asks for`);
  if (days !== undefined && days > maxDays) throw invalid('days', `must be at most ${maxDays}`);
}

/** @throws Problem 409: what is decided stays so (api.md, Conventions) */
export function assertPending(status: RequestStatus): void {
  if (status !== 'pending') throw conflict(`The request is ${status}: it is no longer pending.`);
}

/** Tells whether a renewal is approved by itself, `done` of this client's having been since a person last decided one. */
export function approvesItself(days: number, done: number, setting: AutoApproval): boolean {
  return days <= setting.days && done < setting.times;
}

/**
 * Returns which of the demos asked for are approved: all where nothing is said, else those named as approved.
 * @throws Problem 400 naming `items` when one was not asked for, is named twice, or none is approved; 409 when one of the
 *   approved is retired
 */
export function approvedOf(asked: AskedDemo[], items?: { demoId: string; approved: boolean }[]): string[] {
  const named = items?.map(({ demoId }) => demoId) ?? [];
  const stranger = named.find((id) => !asked.some(({ demoId }) => demoId === id));
  if (stranger !== undefined) throw invalid('items', `the request does not ask for the demo ${stranger}`);
  if (new Set(named).size < named.length) throw invalid('items', 'must not name one twice');
  const approved = asked.filter(
    ({ demoId }) => !items || items.some((item) => item.demoId === demoId && item.approved),
  );
  if (approved.length === 0) throw invalid('items', 'approve one at least, or reject the request');
  const retired = approved.filter(({ demoStatus }) => demoStatus === 'retired');
  if (retired.length > 0) {
    throw conflict(`Retired meanwhile: ${titles(retired)}. Approve the others by \`items\`.`);
  }
  return approved.map(({ demoId }) => demoId);
}

/**
 * Checks that a basket can be submitted.
 * @throws Problem 409 when it is empty, or naming the demos that are no longer in the catalog
 */
export function assertSubmittable(basket: AskedDemo[]): void {
  if (basket.length === 0) throw conflict('The basket is empty.');
  const gone = basket.filter(({ demoStatus }) => demoStatus !== 'published');
  if (gone.length === 0) return;
  const detail = `No longer in the catalog: ${titles(gone)}. Take out what is gone and submit the rest.`;
  throw new Problem('conflict', detail, {
    errors: gone.map(({ demoId, title }) => ({
      field: `items.${demoId}`,
      message: `${title} is no longer in the catalog`,
    })),
  });
}

/** The titles for a sentence, which ten of them fill. */
function titles(demos: AskedDemo[]): string {
  const named = demos.slice(0, 10).map(({ title }) => `“${title}”`);
  return named.join(', ') + (demos.length > named.length ? ` and ${demos.length - named.length} more` : '');
}
