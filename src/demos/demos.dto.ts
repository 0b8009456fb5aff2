import { Flag, Id, Instant, Int, LongText, OneOf, Text, TextList, WebUrl } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { type Demo, demoStatuses, type DemoStatus } from './demo.entity.js';
import { type Launch, LaunchField } from './launch.dto.js';

const TITLE = { max: 200, example: 'Fleet analytics' };
const SUMMARY = { max: 500, example: 'Live vehicle positions on a map.' };
const CATEGORY = { max: 100, example: 'analytics' };
const DESCRIPTION = { max: 20_000, nullable: true };
const TAGS = { maxItems: 20, maxLength: 50, example: ['maps', 'live'] };

export class DemoQuery extends ListQuery {
  @Text({ max: 200, optional: true, description: 'Found in title, summary, category or tags, literally.' })
  search?: string;
  @Text({ ...CATEGORY, optional: true }) category?: string;
  @Text({ max: TAGS.maxLength, optional: true, example: 'maps' }) tag?: string;
  @OneOf(demoStatuses, { optional: true }) status?: DemoStatus;
  @Flag({ optional: true, description: 'For clients: only those open to them, or only those not.' })
  granted?: boolean;
}

export class NewDemoInput {
  @Text(TITLE) title!: string;
  @Text(SUMMARY) summary!: string;
  @LongText({ ...DESCRIPTION, optional: true }) description?: string | null;
  @Text(CATEGORY) category!: string;
  @TextList({ ...TAGS, optional: true }) tags?: string[];
  @WebUrl({ optional: true, nullable: true }) docsUrl?: string | null;
  @WebUrl({ optional: true, nullable: true }) thumbnailUrl?: string | null;
  @LaunchField() launch!: Launch;
}

export class DemoPatch {
  @Text({ ...TITLE, optional: true }) title?: string;
  @Text({ ...SUMMARY, optional: true }) summary?: string;
  @LongText({ ...DESCRIPTION, optional: true }) description?: string | null;
  @Text({ ...CATEGORY, optional: true }) category?: string;
  @TextList({ ...TAGS, optional: true }) tags?: string[];
  @WebUrl({ optional: true, nullable: true }) docsUrl?: string | null;
  @WebUrl({ optional: true, nullable: true }) thumbnailUrl?: string | null;
  @LaunchField({ optional: true }) launch?: Launch;
}

/** What everybody sees of a demo. */
class DemoFields {
  @Id() id!: string;
  @Text({ max: 220, example: 'fleet-analytics', description: 'Made from the title, unique; never changes.' })
  slug!: string;
  @Text(TITLE) title!: string;
  @Text(SUMMARY) summary!: string;
  @LongText(DESCRIPTION) description!: string | null;
  @Text(CATEGORY) category!: string;
  @TextList(TAGS) tags!: string[];
  @WebUrl({ nullable: true }) docsUrl!: string | null;
  @WebUrl({ nullable: true }) thumbnailUrl!: string | null;
  @OneOf(demoStatuses) status!: DemoStatus;
  @Instant({ nullable: true }) publishedAt!: Date | null;
  @Int({ min: 1 }) version!: number;
}

/** A demo as users and keys see it. */
export class DemoDto extends DemoFields {
  @LaunchField() launch!: Launch;
  @Instant({ nullable: true }) retiredAt!: Date | null;
  @Instant() createdAt!: Date;
  @Instant() updatedAt!: Date;
}

/** A demo as clients see it. */
export class CatalogDemoDto extends DemoFields {
  @Flag({ description: 'Whether the client may open it now.' }) granted!: boolean;
}

export class ImpactDto {
  @Int({ description: 'Clients who may open it, now or later.' }) clients!: number;
  @Int({ description: 'Live demo sessions that would end.' }) liveSessions!: number;
  @Int({ description: 'Pending requests that ask for it.' }) pendingRequests!: number;
}

/** The columns that say how a demo is launched. */
export type LaunchColumns = Pick<Demo, 'launchKind' | 'launchUrl' | 'launchImageId' | 'launchContainer'>;

/** A demo's row as far as it is shown. */
export type DemoRow = Omit<DemoDto, 'launch'> & LaunchColumns;

/** @param withEnv whether the reader may see the container's environment variables */
export function toDemoDto(row: DemoRow, withEnv: boolean): DemoDto {
  const { id, slug, title, summary, description, category, tags, docsUrl, thumbnailUrl } = row;
  const { status, publishedAt, retiredAt, createdAt, updatedAt, version } = row;
  return {
    id,
    slug,
    title,
    summary,
    description,
    category,
    tags,
    docsUrl,
    thumbnailUrl,
    status,
    launch: toLaunch(row, withEnv),
    publishedAt,
    retiredAt,
    createdAt,
    updatedAt,
    version,
  };
}

export function toLaunch(columns: LaunchColumns, withEnv: boolean): Launch {
  const { launchKind, launchUrl, launchImageId, launchContainer } = columns;
  if (launchKind === 'link') return { kind: 'link', url: launchUrl! };
  const { env, ...options } = launchContainer!;
  return { kind: 'container', imageId: launchImageId!, ...options, ...(withEnv && env && { env }) };
}

export function toLaunchColumns(launch: Launch): LaunchColumns {
  if (launch.kind === 'link') {
    return { launchKind: 'link', launchUrl: launch.url, launchImageId: null, launchContainer: null };
  }
  const { imageId, port, cpu, memory, maxMinutes, idleMinutes, env } = launch;
  return {
    launchKind: 'container',
    launchUrl: null,
    launchImageId: imageId,
    launchContainer: definedOf({ port, cpu, memory, maxMinutes, idleMinutes, env }),
  };
}

function definedOf<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
