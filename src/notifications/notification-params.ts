/** An instant as it is handed in; as JSON it is ISO text. */
type Instant = Date | string;

/**
 * What each kind of notification tells. Ids and instants, not names: a person's name is looked up when the text is
 * made, so that it is gone once the person is erased.
 */
export interface NotificationParams {
  'request-received': {
    requestId: string;
    clientId: string;
    request: 'renewal' | 'access';
    /** Of a renewal. */
    days?: number;
    /** Of an access request. */
    demoTitles?: string[];
  };
  'request-decided': {
    requestId: string;
    request: 'renewal' | 'access';
    decision: 'approved' | 'partly-approved' | 'rejected';
    /** The new end, of a renewal that was approved. */
    accessEndsAt?: Instant;
    /** The demos that are open now, and those that were refused. */
    demoTitles?: string[];
    refusedTitles?: string[];
    note?: string | null;
  };
  'access-ending': { accessEndsAt: Instant; days: number };
  'access-ended': { accessEndsAt: Instant };
  'password-changed': { at: Instant };
}

export type NotificationKind = keyof NotificationParams;

/** A single-use link as it is mailed: what `AccountTokensService` issues. */
export interface MailedLink {
  token: string;
  expiresAt: Instant;
  /** The front end's page for it, where PUBLIC_URL is set. */
  url?: string;
}

/** Mails without a line in the inbox. */
export const linkTemplates = ['invitation', 'password-reset'] as const;
export type LinkTemplate = (typeof linkTemplates)[number];
