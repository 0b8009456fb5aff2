import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { changes, shown } from '../audit/changes.js';
import type { Principal } from '../auth/access.js';
import { Clock } from '../common/clock.js';
import { honourMatch, requireMatch } from '../common/etag.js';
import { isId, newId } from '../common/ids.js';
import { andThen, type MaybePromise } from '../common/maybe-promise.js';
import { Lists, type ListSpec, type Page } from '../common/pagination.js';
import { conflict, invalid, notFound } from '../common/problem.js';
import { likeContaining, searchable } from '../common/text.js';
import { insertAll } from '../database/bulk.js';
import { isForeignKeyViolation } from '../database/errors.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import type { DemoSessionEndReason } from './demo-session.entity.js';
import { DemoSessionsService } from './demo-sessions.service.js';
import { Demo, DemoStatusChange, type DemoStatus } from './demo.entity.js';
import { slugCandidates, slugOf } from './demo.rules.js';
import {
  type CatalogDemoDto,
  type DemoDto,
  type DemoPatch,
  type DemoQuery,
  type DemoRow,
  type ImpactDto,
  type NewDemoInput,
  toDemoDto,
  toLaunch,
  toLaunchColumns,
} from './demos.dto.js';
import {
  catalogColumns,
  catalogDemoBy,
  catalogTypes,
  demoBy,
  demoColumns,
  demoTypes,
  hasTag,
  impact,
  isGranted,
  knownImages,
  takenSlugs,
} from './demos.queries.js';
import { takeTurn } from './turns.js';

const SEARCH_LENGTH = 8000;
const SLUGS_AT_ONCE = 20;
const IMAGES_AT_ONCE = 500;
/** How many of an import are named before others get a turn. */
const DEMOS_A_TURN = 50;

/** The catalog of demos: draft, published, retired. */
@Injectable()
export class DemosService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly sessions: DemoSessionsService,
  ) {}

  /** Returns a page of the demos that `me` may see: a client sees published ones, and not how they are launched. */
  async list(query: DemoQuery, me: Principal): Promise<Page<DemoDto | CatalogDemoDto>> {
    const { search, category, tag, status, granted } = query;
    const isClient = me.kind === 'client';
    if (granted !== undefined && !isClient) throw invalid('granted', 'is a filter for clients');
    const spec: Omit<ListSpec<never>, 'select' | 'types'> = {
      from: '"demos" d',
      where: [
        isClient && `d."status" = 'published'`,
        status && 'd."status" = :status',
        category && 'd."category" = :category',
        tag && hasTag[this.uow.dialect],
        search && `d."search_text" LIKE :search ESCAPE '\\'`,
        granted !== undefined && (granted ? isGranted : `NOT ${isGranted}`),
      ],
      parameters: {
        clientId: me.id,
        now: this.clock.now(),
        status,
        category,
        tag,
        search: search && likeContaining(search),
      },
      id: 'd."id"',
      sorts: {
        createdAt: { expression: 'd."created_at"', kind: 'instant' },
        title: { expression: 'd."title"', kind: 'text' },
        category: { expression: 'd."category"', kind: 'text' },
      },
      defaultSort: '-createdAt',
    };
    if (isClient) {
      return this.lists.page<CatalogDemoDto>({ ...spec, select: catalogColumns, types: catalogTypes }, query);
    }
    const page = await this.lists.page<DemoRow>({ ...spec, select: demoColumns, types: demoTypes }, query);
    return { ...page, items: page.items.map((row) => toDemoDto(row, seesEnvironment(me))) };
  }

  /** Returns a demo as `me` may see it. @throws Problem `not-found`, for clients also when it is not published */
  get(idOrSlug: string, me: Principal): MaybePromise<DemoDto | CatalogDemoDto> {
    const by = isId(idOrSlug) ? 'id' : 'slug';
    if (me.kind === 'client') {
      const parameters = { key: idOrSlug, clientId: me.id, now: this.clock.now() };
      return andThen(this.uow.get(catalogDemoBy[by], parameters), found);
    }
    return andThen(this.uow.get(demoBy[by], { key: idOrSlug }), (row) =>
      toDemoDto(found(row), seesEnvironment(me)),
    );
  }

  /** Adds a demo as a draft. @throws Problem `validation` naming `launch.imageId` when there is no such image */
  async create(input: NewDemoInput): Promise<DemoDto> {
    const creating = this.idempotency.run<DemoDto>(async () => {
      const now = this.clock.now();
      await takeTurn(this.uow, 'slug');
      const { slug } = await this.freeSlug(slugOf(input.title));
      const demo = newDraft(input, slug, now);
      await this.uow.manager.insert(Demo, demo);
      await this.noteStatus(demo, now);
      this.noteCreated(demo);
      return toDemoDto(demo, true);
    });
    return creating.catch(throwUnknownImage);
  }

  /**
   * Adds many demos as drafts: all or none, with one audit entry that names all.
   * @throws Problem as `create`; `unknownImages` says which, beforehand
   */
  async createAll(inputs: NewDemoInput[]): Promise<void> {
    const creating = this.uow.run(async (manager) => {
      const now = this.clock.now();
      await takeTurn(this.uow, 'slug');
      const taken = new Set<string>();
      // Of each title's slug all numbers up to this one are taken.
      const last = new Map<string, number>();
      const demos: Demo[] = [];
      for (const [index, input] of inputs.entries()) {
        if (index % DEMOS_A_TURN === 0) await nextTurn();
        const wanted = slugOf(input.title);
        const { slug, number } = await this.freeSlug(wanted, (last.get(wanted) ?? 0) + 1, taken);
        last.set(wanted, number);
        taken.add(slug);
        demos.push(newDraft(input, slug, now));
      }
      await insertAll(manager, Demo, demos);
      const changes = demos.map(({ id, status }) => ({ id: newId(), demoId: id, at: now, status }));
      await insertAll(manager, DemoStatusChange, changes);
      this.audit.record({
        action: 'demo.imported',
        entityType: 'demo',
        entityId: null,
        after: { count: demos.length },
      });
      for (const demo of demos) this.noteCreated(demo);
    });
    await creating.catch(throwUnknownImage);
  }

  /** Returns those of the ids that are no image's. */
  async unknownImages(ids: string[]): Promise<Set<string>> {
    const unknown = new Set(ids);
    const all = [...unknown];
    for (let start = 0; start < all.length; start += IMAGES_AT_ONCE) {
      const some = all.slice(start, start + IMAGES_AT_ONCE);
      for (const { id } of await this.uow.query<{ id: string }>(knownImages, { ids: some }))
        unknown.delete(id);
    }
    return unknown;
  }

  /**
   * Changes a demo; its slug stays.
   * @throws Problem `not-found`, `precondition-required`, `version-mismatch`, `conflict` when it is retired, and as `create`
   */
  async change(id: string, { launch, ...patch }: DemoPatch, ifMatch: string | undefined): Promise<DemoDto> {
    const changing = this.uow.run(async () => {
      const demo = await this.hold(id);
      requireMatch(demo.version, ifMatch);
      assertNotRetired(demo);
      const wanted: Demo = { ...demo, ...patch, ...(launch && toLaunchColumns(launch)) };
      const changed = changes(audited(demo), audited(wanted));
      if (!changed) return toDemoDto(demo, true);
      const next: Demo = {
        ...wanted,
        searchText: searchTextOf(wanted),
        version: demo.version + 1,
        updatedAt: this.clock.now(),
      };
      await this.uow.manager.update(Demo, { id }, next);
      this.audit.record({ action: 'demo.updated', entityType: 'demo', entityId: id, ...changed });
      return toDemoDto(next, true);
    });
    return changing.catch(throwUnknownImage);
  }

  /** Shows a demo to clients. @throws Problem `not-found`, `version-mismatch`, `conflict` when it is retired */
  publish(id: string, ifMatch: string | undefined): Promise<DemoDto> {
    return this.uow.run(async () => {
      const demo = await this.hold(id);
      honourMatch(demo.version, ifMatch);
      assertNotRetired(demo);
      if (demo.status === 'published') return toDemoDto(demo, true);
      const now = this.clock.now();
      return this.move(demo, { status: 'published', publishedAt: now }, 'demo.published', now);
    });
  }

  /** Takes a demo back to a draft; its live sessions end. @throws Problem as `publish` */
  unpublish(id: string, ifMatch: string | undefined): Promise<DemoDto> {
    return this.uow.run(async () => {
      const demo = await this.hold(id);
      honourMatch(demo.version, ifMatch);
      assertNotRetired(demo);
      if (demo.status === 'draft') return toDemoDto(demo, true);
      const now = this.clock.now();
      const draft = { status: 'draft', publishedAt: null } as const;
      return this.move(demo, draft, 'demo.unpublished', now, 'demo-unpublished');
    });
  }

  /**
   * Retires a demo for good: it vanishes from the catalog, its live sessions end, its history stays. Of a retired one
   * nothing is asked but that If-Match is there.
   * @throws Problem `not-found`, `precondition-required`, `version-mismatch`
   */
  async retire(id: string, ifMatch: string | undefined): Promise<void> {
    await this.uow.run(async () => {
      const demo = await this.hold(id);
      requireMatch(demo.version, demo.status === 'retired' && ifMatch !== undefined ? '*' : ifMatch);
      if (demo.status === 'retired') return;
      const now = this.clock.now();
      await this.move(demo, { status: 'retired', retiredAt: now }, 'demo.retired', now, 'demo-retired');
    });
  }

  /** Returns what retiring or unpublishing a demo would end. @throws Problem `not-found` */
  async impact(id: string): Promise<ImpactDto> {
    return found(await this.uow.get(impact, { id, now: this.clock.now() }));
  }

  private async move(
    demo: Demo,
    to: Pick<Demo, 'status'> & Partial<Pick<Demo, 'publishedAt' | 'retiredAt'>>,
    action: string,
    now: Date,
    endReason?: DemoSessionEndReason,
  ): Promise<DemoDto> {
    const next: Demo = { ...demo, ...to, version: demo.version + 1, updatedAt: now };
    await this.uow.manager.update(Demo, { id: demo.id }, next);
    await this.noteStatus(next, now);
    this.audit.record({
      action,
      entityType: 'demo',
      entityId: demo.id,
      before: { status: demo.status },
      after: { status: next.status },
    });
    if (endReason) await this.sessions.endLive({ demoId: demo.id }, endReason, now);
    return toDemoDto(next, true);
  }

  private async noteStatus({ id, status }: { id: string; status: DemoStatus }, at: Date): Promise<void> {
    await this.uow.manager.insert(DemoStatusChange, { id: newId(), demoId: id, at, status });
  }

  /**
   * Reads a demo and holds it for the rest of the unit, so that of two changes at once the later sees the earlier.
   * NO KEY: rows that refer to the demo may be written meanwhile, or who ends a session of it would wait for us and we for them.
   */
  private async hold(id: string): Promise<Demo> {
    const query = this.uow.manager.createQueryBuilder(Demo, 'd').where({ id });
    if (this.uow.dialect === 'postgres') query.setLock('for_no_key_update');
    return found(await query.getOne());
  }

  private noteCreated(demo: Demo): void {
    const after = shown(audited(demo), ['slug', ...auditedFields]);
    this.audit.record({ action: 'demo.created', entityType: 'demo', entityId: demo.id, after });
  }

  /** Whoever asks has the turn: two demos of one title at once must not find the same slug free. */
  private async freeSlug(
    wanted: string,
    first = 1,
    taken: ReadonlySet<string> = new Set(),
  ): Promise<{ slug: string; number: number }> {
    for (let from = first; ; from += SLUGS_AT_ONCE) {
      const slugs = slugCandidates(wanted, from, SLUGS_AT_ONCE);
      const rows = await this.uow.query<{ slug: string }>(takenSlugs, { slugs });
      const index = slugs.findIndex((slug) => !taken.has(slug) && !rows.some((row) => row.slug === slug));
      if (index >= 0) return { slug: slugs[index]!, number: from + index };
    }
  }
}

function newDraft({ launch, ...input }: NewDemoInput, slug: string, now: Date): Demo {
  return {
    id: newId(),
    slug,
    description: null,
    tags: [],
    docsUrl: null,
    thumbnailUrl: null,
    ...input,
    ...toLaunchColumns(launch),
    status: 'draft',
    searchText: searchTextOf({ tags: [], ...input }),
    version: 1,
    createdAt: now,
    updatedAt: now,
    publishedAt: null,
    retiredAt: null,
  };
}

const auditedFields = [
  'title',
  'summary',
  'description',
  'category',
  'tags',
  'docsUrl',
  'thumbnailUrl',
  'launch',
] as const;

/** What an audit entry compares and holds of a demo. */
function audited(demo: Demo) {
  const { slug, title, summary, description, category, tags, docsUrl, thumbnailUrl } = demo;
  return {
    slug,
    title,
    summary,
    description,
    category,
    tags,
    docsUrl,
    thumbnailUrl,
    launch: toLaunch(demo, true),
  };
}

function searchTextOf({
  title,
  summary,
  category,
  tags = [],
}: Pick<NewDemoInput, 'title' | 'summary' | 'category' | 'tags'>) {
  return searchable(SEARCH_LENGTH, title, summary, category, ...tags);
}

/** `env` is for administrators, and for keys that may do what they do (api.md, Demos and images; Key scopes). */
function seesEnvironment(me: Principal): boolean {
  return me.kind === 'user' ? me.role === 'admin' : me.kind === 'key' && me.scopes.includes('demos:write');
}

function assertNotRetired(demo: Demo): void {
  if (demo.status === 'retired') throw conflict('The demo is retired, for good.');
}

function found<T>(row: T | null | undefined): T {
  if (row === null || row === undefined) throw notFound();
  return row;
}

function throwUnknownImage(error: unknown): never {
  if (isForeignKeyViolation(error)) throw invalid('launch.imageId', 'there is no such image');
  throw error;
}
