import { prepare } from '../database/sql.js';

/** A client whose access ends or has ended. */
export interface EndingClient {
  id: string;
  accessEndsAt: Date;
}

/** A page of the clients whose window has begun, by its end. */
export const endingClients = prepare<EndingClient>(
  'reminders-ending',
  `SELECT "id", "access_ends_at" AS "accessEndsAt" FROM "clients"
   WHERE ("access_ends_at", "id") > (:since, :sinceId) AND "access_ends_at" <= :until
     AND "access_starts_at" <= :now AND "revoked_at" IS NULL AND "erased_at" IS NULL
   ORDER BY "access_ends_at", "id" LIMIT :limit`,
  { accessEndsAt: 'instant' },
);
