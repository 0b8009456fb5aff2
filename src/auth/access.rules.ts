import type { ProblemSlug } from '../common/problem.js';
import type { AccessRule, KeyScope, Principal } from './access.js';

/** Which client statuses each word of `AccessRule.clients` lets in. */
const letsIn = {
  active: ['active'],
  expired: ['active', 'expired'],
  restricted: ['active', 'expired', 'scheduled'],
} as const;

/** Returns the problem with which a route of this rule refuses the principal, or undefined when it may call it. */
export function refusal(rule: AccessRule, principal: Principal): ProblemSlug | undefined {
  switch (principal.kind) {
    case 'user':
      if (principal.mustEnrol && !rule.enrolling) return 'otp-enrolment-required';
      return rule.users && (rule.users === 'viewer' || principal.role === 'admin') ? undefined : 'forbidden';
    case 'key':
      return rule.key && hasScope(principal.scopes, rule.key) ? undefined : 'forbidden';
    case 'client': {
      const statuses: readonly string[] = rule.clients ? letsIn[rule.clients] : [];
      if (statuses.includes(principal.status)) return undefined;
      if (principal.status === 'expired') return 'access-expired';
      return principal.status === 'scheduled' ? 'access-not-started' : 'forbidden';
    }
  }
}

/** A `:write` scope covers its `:read`. */
function hasScope(scopes: KeyScope[], wanted: KeyScope): boolean {
  return scopes.includes(wanted) || scopes.includes(wanted.replace(/:read$/, ':write') as KeyScope);
}
