import { type ColumnTypes, prepare } from '../database/sql.js';
import type { BasketItemDto } from './basket.dto.js';
import type { RequestRow } from './requests.dto.js';

const itemFields = (approved: string) =>
  `'demoId', i."demo_id", 'slug', d."slug", 'title', d."title", 'demoStatus', d."status", 'approved', ${approved}`;
const itemsFrom = `FROM "request_items" i JOIN "demos" d ON d."id" = i."demo_id" WHERE i."request_id" = r."id"`;

/** A request's items as one JSON list, so that a page of requests is one statement. */
const items = {
  sqlite: `(SELECT json_group_array(json_object(${itemFields(
    `json(CASE i."approved" WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)`,
  )}) ORDER BY i."demo_id") ${itemsFrom})`,
  postgres: `(SELECT COALESCE(json_agg(json_build_object(${itemFields('i."approved"')}) ORDER BY i."demo_id"), '[]')
    ${itemsFrom})`,
};

const columns = `r."id", r."client_id" AS "clientId", c."name" AS "clientName", r."kind", r."status", r."days",
  r."message", r."note", r."decided_by_kind" AS "decidedByKind", r."decided_by_id" AS "decidedById",
  CASE r."decided_by_kind" WHEN 'client' THEN c."name" ELSE u."name" END AS "decidedByName",
  r."decided_at" AS "decidedAt", r."version", r."created_at" AS "createdAt", r."updated_at" AS "updatedAt"`;

/** A request with its items, whose it is and who decided it. */
export const requestColumns = {
  sqlite: `${columns}, ${items.sqlite} AS "items"`,
  postgres: `${columns}, ${items.postgres} AS "items"`,
};
export const requestsFrom = `"requests" r JOIN "clients" c ON c."id" = r."client_id"
  LEFT JOIN "users" u ON r."decided_by_kind" = 'user' AND u."id" = r."decided_by_id"`;
export const requestTypes: ColumnTypes<RequestRow> = {
  items: 'json',
  decidedAt: 'instant',
  createdAt: 'instant',
  updatedAt: 'instant',
};

const one = (dialect: 'sqlite' | 'postgres') =>
  `SELECT ${requestColumns[dialect]} FROM ${requestsFrom} WHERE r."id" = :id`;
export const oneRequest = prepare<RequestRow>(
  'request',
  { sqlite: one('sqlite'), postgres: one('postgres') },
  requestTypes,
);

export const pendingRequest = prepare<{ id: string }>(
  'pending-request',
  `SELECT "id" FROM "requests" WHERE "client_id" = :clientId AND "kind" = :kind AND "status" = 'pending'`,
);

/** The demos of these ids that clients see. */
export const publishedDemos = `SELECT "id" FROM "demos" WHERE "id" IN (:...ids) AND "status" = 'published'`;

/** How many of a client's renewals were approved by themselves since a person last decided one. */
export const selfApproved = prepare<{ times: number }>(
  'self-approved-renewals',
  `SELECT count(*) AS "times" FROM "requests" r
   WHERE r."client_id" = :clientId AND r."kind" = 'renewal' AND r."status" = 'approved'
     AND r."decided_by_kind" = 'system' AND NOT EXISTS (
       SELECT 1 FROM "requests" p WHERE p."client_id" = r."client_id" AND p."kind" = 'renewal'
         AND p."decided_by_kind" IN ('user', 'key') AND p."decided_at" >= r."decided_at")`,
  { times: 'integer' },
);

const basket = `SELECT b."demo_id" AS "demoId", d."slug", d."title", d."summary", d."category",
    d."status" AS "demoStatus", b."added_at" AS "addedAt"
  FROM "basket_items" b JOIN "demos" d ON d."id" = b."demo_id" WHERE b."client_id" = :clientId`;
const basketTypes: ColumnTypes<BasketItemDto> = { addedAt: 'instant' };

/** A client's basket, what was put in first coming first. */
export const basketItems = prepare<BasketItemDto>(
  'basket',
  `${basket} ORDER BY b."added_at", b."demo_id"`,
  basketTypes,
);
export const basketItem = prepare<BasketItemDto>(
  'basket-item',
  `${basket} AND b."demo_id" = :demoId`,
  basketTypes,
);

/** Puts a demo that clients see into a basket; one that is there stays as it is. */
export const putIntoBasket = prepare(
  'basket-put',
  `INSERT INTO "basket_items" ("client_id", "demo_id", "added_at")
   SELECT :clientId, d."id", :now FROM "demos" d WHERE d."id" = :demoId AND d."status" = 'published'
   ON CONFLICT DO NOTHING`,
);
export const takeFromBasket = prepare(
  'basket-take',
  `DELETE FROM "basket_items" WHERE "client_id" = :clientId AND "demo_id" = :demoId`,
);
export const emptyBasket = `DELETE FROM "basket_items" WHERE "client_id" = :clientId`;

/** Empties what an erased client wrote in requests and takes back those still pending. */
export const forgetRequests = `UPDATE "requests" SET "message" = NULL, "note" = NULL, "version" = "version" + 1,
  "updated_at" = :now, "status" = CASE "status" WHEN 'pending' THEN 'cancelled' ELSE "status" END,
  "decided_at" = COALESCE("decided_at", :now), "decided_by_kind" = COALESCE("decided_by_kind", 'system')
  WHERE "client_id" = :clientId`;
