/** Words and rules about accounts that several features use. */
export const roles = ['admin', 'viewer'] as const;
export type Role = (typeof roles)[number];

export const languages = ['en', 'pt'] as const;
export type Language = (typeof languages)[number];

export const clientStatuses = ['active', 'scheduled', 'expired', 'revoked'] as const;
export type ClientStatus = (typeof clientStatuses)[number];

/** An account by kind and id. */
export interface AccountRef {
  kind: 'user' | 'client';
  id: string;
}

/** A client's access window `[accessStartsAt, accessEndsAt)` and whether it was revoked. */
export interface AccessWindow {
  accessStartsAt: Date;
  accessEndsAt: Date;
  revokedAt: Date | null;
}

/** Returns the status of a client at an instant: derived, never stored (product.md, Words). */
export function clientStatus(window: AccessWindow, at: Date): ClientStatus {
  if (window.revokedAt !== null && window.revokedAt <= at) return 'revoked';
  if (at < window.accessStartsAt) return 'scheduled';
  if (at >= window.accessEndsAt) return 'expired';
  return 'active';
}

/** Tells whether an account is a client whose access was revoked. */
export function isRevoked(
  { clientId, ...window }: { clientId: string | null } & { [Field in keyof AccessWindow]: Date | null },
  at: Date,
): boolean {
  return clientId !== null && clientStatus(window as AccessWindow, at) === 'revoked';
}
