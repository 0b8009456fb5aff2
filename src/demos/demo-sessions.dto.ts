import { Flag, Id, Instant, Int, Nested, OneOf, Secret, Text, WebUrl } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { type DemoSession, type DemoSessionEndReason, demoSessionEndReasons } from './demo-session.entity.js';
import { durationSeconds, endOf } from './demo-sessions.rules.js';

export class DemoSessionQuery extends ListQuery {
  @Id({ optional: true }) clientId?: string;
  @Id({ optional: true }) demoId?: string;
  @Flag({ optional: true, description: 'Only those that live now, or only those that have ended.' })
  live?: boolean;
}

export class DemoSessionDto {
  @Id() id!: string;
  @Id() demoId!: string;
  @Id() clientId!: string;
  @Instant() openedAt!: Date;
  @Instant({ description: 'The earliest of its maximum age, the grant’s end and the client’s end.' })
  expiresAt!: Date;
  @Instant({ nullable: true, description: 'Null while it is live.' }) endedAt!: Date | null;
  @OneOf(demoSessionEndReasons, { nullable: true }) endReason!: DemoSessionEndReason | null;
  @Int({ nullable: true, description: 'From opening to end; null while it is live.' })
  durationSeconds!: number | null;
}

/** @param now an end by the clock shows at once, written down or not */
export function toDemoSessionDto(session: DemoSession, now: Date): DemoSessionDto {
  const { id, demoId, clientId, openedAt, expiresAt } = session;
  const end = endOf(session, now);
  return {
    id,
    demoId,
    clientId,
    openedAt,
    expiresAt,
    endedAt: end?.endedAt ?? null,
    endReason: end?.endReason ?? null,
    durationSeconds: end ? durationSeconds(openedAt, end.endedAt) : null,
  };
}

export class LaunchedImageDto {
  @Text({ max: 500, example: 'registry.example.com/demos/crm:1.4' }) reference!: string;
  @Text({ max: 71, nullable: true, description: 'Once resolved: `sha256:…`.' }) digest!: string | null;
}

/** Returns the image of a container demo as an answer's field, nothing for a link. */
export function toImageDto({
  imageReference,
  imageDigest,
}: {
  imageReference: string | null;
  imageDigest: string | null;
}): { image?: LaunchedImageDto } {
  return imageReference === null ? {} : { image: { reference: imageReference, digest: imageDigest } };
}

export class OpenedDemoDto {
  @Id() demoSessionId!: string;
  @OneOf(['starting', 'ready']) status!: 'starting' | 'ready';
  @WebUrl({ description: 'Where the demo is.' }) url!: string;
  @Secret({
    description:
      'Proves this demo session to the demo or to what runs it; no bearer token. It lives as the session.',
  })
  launchToken!: string;
  @Instant() openedAt!: Date;
  @Instant() expiresAt!: Date;
  @Nested(() => LaunchedImageDto, { optional: true, description: 'Of a container demo.' })
  image?: LaunchedImageDto;
}

export class LaunchTokenInput {
  @Secret({ max: 100_000, description: 'As the client brought it.' }) launchToken!: string;
}

export class VerifiedLaunchDto {
  @Flag({ description: 'Whether the demo session lives; nothing else is answered where it does not.' })
  active!: boolean;
  @Id({ optional: true }) demoSessionId?: string;
  @Id({ optional: true }) demoId?: string;
  @Id({ optional: true }) clientId?: string;
  @Instant({ optional: true, description: 'Ask again by then; it can end earlier.' }) expiresAt?: Date;
  @Nested(() => LaunchedImageDto, { optional: true, description: 'Of a container demo.' })
  image?: LaunchedImageDto;
}
