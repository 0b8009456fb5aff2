import { parseCreateTable } from './catalogue.js';

describe('parseCreateTable', () => {
  it('takes a table apart, however it is laid out', () => {
    const parts = parseCreateTable(`CREATE TABLE "demos" (
      "id" varchar(36) NOT NULL, "price" decimal(10, 2) DEFAULT (1 + (2)),
      "title" varchar(20) NOT NULL CONSTRAINT "ck_demos_title" CHECK (length("title") <= 20), -- a, b (
      "kind" text CHECK ("kind" IN ('a,b', 'c)')) COLLATE NOCASE,
      CONSTRAINT "pk_demos" PRIMARY KEY ("id"),
      CONSTRAINT "ck_demos_window" CHECK (
        "starts_at" < "ends_at"
        OR "ends_at" IS NULL),
      CONSTRAINT "fk_demos_id" FOREIGN KEY ("id") REFERENCES "others" ("id") ON DELETE CASCADE,
      UNIQUE ("title", "kind"),
      CONSTRAINT "ck_demos_last" CHECK ("price" >= 0)
    ) STRICT, WITHOUT ROWID`);
    expect(Object.fromEntries(parts.columns)).toEqual({
      id: 'varchar(36) NOT NULL',
      price: 'decimal(10, 2) DEFAULT (1 + (2))',
      title: 'varchar(20) NOT NULL',
      kind: 'text COLLATE NOCASE',
    });
    expect(Object.fromEntries(parts.checks)).toEqual({
      ck_demos_title: 'length("title") <= 20',
      [`without a name ("kind" IN ('a,b', 'c)'))`]: `"kind" IN ('a,b', 'c)')`,
      ck_demos_window: '"starts_at" < "ends_at" OR "ends_at" IS NULL',
      ck_demos_last: '"price" >= 0',
    });
    expect(Object.fromEntries(parts.constraints)).toEqual({
      pk_demos: 'PRIMARY KEY ("id")',
      fk_demos_id: 'FOREIGN KEY ("id") REFERENCES "others" ("id") ON DELETE CASCADE',
      'UNIQUE ("title", "kind")': 'UNIQUE ("title", "kind")',
    });
    expect(parts.options).toBe('STRICT, WITHOUT ROWID');
  });
});
