import { Flag, Id, Instant, Int, LongText, Text, TextList } from '../common/fields.js';
import type { Image } from './image.entity.js';

const REFERENCE = {
  max: 500,
  example: 'registry.example.com/demos/crm:1.4',
  description: 'As Docker reads it: `[registry/]repository[:tag]`, no digest; kept in its full form.',
};

export class NewImageInput {
  @Text(REFERENCE) reference!: string;
  @LongText({ max: 1000, optional: true, nullable: true }) description?: string | null;
}

export class ImagePatch {
  @Text({ ...REFERENCE, optional: true }) reference?: string;
  @LongText({ max: 1000, optional: true, nullable: true }) description?: string | null;
}

export class ResolveQuery {
  @Flag({ optional: true, default: false, description: 'Take the digest of a tag that was moved.' })
  adopt: boolean = false;
}

export class ImageDto {
  @Id() id!: string;
  @Text({ max: 500, example: 'registry.example.com/demos/crm:1.4' }) reference!: string;
  @Text({ max: 255, example: 'registry.example.com' }) registry!: string;
  @Text({ max: 255, example: 'demos/crm' }) repository!: string;
  @Text({ max: 128, example: '1.4' }) tag!: string;
  @Text({ max: 71, nullable: true, description: 'Known once resolved: `sha256:…`, which never changes.' })
  digest!: string | null;
  @Text({
    max: 71,
    nullable: true,
    description: 'Where the tag points by now, when it was moved away from `digest`.',
  })
  movedDigest!: string | null;
  @LongText({ max: 1000, nullable: true }) description!: string | null;
  @Int({ nullable: true, max: Number.MAX_SAFE_INTEGER, description: 'Known once resolved.' })
  sizeBytes!: number | null;
  @TextList({ maxItems: 100, maxLength: 100, nullable: true, description: 'Known once resolved.' })
  platforms!: string[] | null;
  @Instant({ nullable: true }) resolvedAt!: Date | null;
  @Int({ min: 1 }) version!: number;
  @Instant() createdAt!: Date;
  @Instant() updatedAt!: Date;
}

export function toImageDto(image: Image): ImageDto {
  return { ...image };
}
