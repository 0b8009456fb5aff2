import { type ColumnTypes, prepare } from '../database/sql.js';
import type { CatalogDemoDto, DemoRow, ImpactDto } from './demos.dto.js';

const shared = `d."id" AS "id", d."slug" AS "slug", d."title" AS "title", d."summary" AS "summary",
  d."description" AS "description", d."category" AS "category", d."tags" AS "tags", d."docs_url" AS "docsUrl",
  d."thumbnail_url" AS "thumbnailUrl", d."status" AS "status", d."published_at" AS "publishedAt",
  d."version" AS "version"`;

/** A demo for users and keys. */
export const demoColumns = `${shared}, d."launch_kind" AS "launchKind", d."launch_url" AS "launchUrl",
  d."launch_image_id" AS "launchImageId", d."launch_container" AS "launchContainer",
  d."retired_at" AS "retiredAt", d."created_at" AS "createdAt", d."updated_at" AS "updatedAt"`;
export const demoTypes: ColumnTypes<DemoRow> = {
  tags: 'json',
  launchContainer: 'json',
  publishedAt: 'instant',
  retiredAt: 'instant',
  createdAt: 'instant',
  updatedAt: 'instant',
};

/** Whether the client may open the demo `d` at the instant `:now`, as far as its grant goes. */
export const isGranted = `EXISTS (SELECT 1 FROM "client_demo_access" g
  WHERE g."client_id" = :clientId AND g."demo_id" = d."id" AND g."removed_at" IS NULL
    AND (g."starts_at" IS NULL OR g."starts_at" <= :now) AND (g."ends_at" IS NULL OR g."ends_at" > :now))`;

/** A demo for clients. */
export const catalogColumns = `${shared}, ${isGranted} AS "granted"`;
export const catalogTypes: ColumnTypes<CatalogDemoDto> = {
  tags: 'json',
  publishedAt: 'instant',
  granted: 'boolean',
};

const oneDemo = (key: 'id' | 'slug') =>
  prepare<DemoRow>(
    `demo-by-${key}`,
    `SELECT ${demoColumns} FROM "demos" d WHERE d."${key}" = :key`,
    demoTypes,
  );
const oneCatalogDemo = (key: 'id' | 'slug') =>
  prepare<CatalogDemoDto>(
    `catalog-demo-by-${key}`,
    `SELECT ${catalogColumns} FROM "demos" d WHERE d."${key}" = :key AND d."status" = 'published'`,
    catalogTypes,
  );
export const demoBy = { id: oneDemo('id'), slug: oneDemo('slug') };
export const catalogDemoBy = { id: oneCatalogDemo('id'), slug: oneCatalogDemo('slug') };

/** Tags are a JSON list on both databases. */
export const hasTag = {
  sqlite: `EXISTS (SELECT 1 FROM json_each(d."tags") t WHERE t.value = :tag)`,
  postgres: `EXISTS (SELECT 1 FROM json_array_elements_text(d."tags") t WHERE t = :tag)`,
};

export const takenSlugs = `SELECT "slug" FROM "demos" WHERE "slug" IN (:...slugs)`;

/** What retiring or unpublishing a demo would end, at one instant. */
export const impact = prepare<ImpactDto>(
  'demo-impact',
  `SELECT
    (SELECT count(*) FROM "client_demo_access" g JOIN "clients" c ON c."id" = g."client_id"
      WHERE g."demo_id" = d."id" AND g."removed_at" IS NULL AND (g."ends_at" IS NULL OR g."ends_at" > :now)
        AND c."erased_at" IS NULL AND c."revoked_at" IS NULL AND c."access_ends_at" > :now) AS "clients",
    (SELECT count(*) FROM "demo_sessions" s
      WHERE s."demo_id" = d."id" AND s."ended_at" IS NULL AND s."lapses_at" > :now) AS "liveSessions",
    (SELECT count(*) FROM "request_items" i JOIN "requests" r ON r."id" = i."request_id"
      WHERE i."demo_id" = d."id" AND r."status" = 'pending') AS "pendingRequests"
   FROM "demos" d WHERE d."id" = :id`,
  { clients: 'integer', liveSessions: 'integer', pendingRequests: 'integer' },
);

/** Those of the ids that are an image's. */
export const knownImages = 'SELECT "id" FROM "docker_images" WHERE "id" IN (:...ids)';
