import { Check, Entity, Index, Unique } from 'typeorm';
import {
  BigIntColumn,
  IdColumn,
  InstantColumn,
  IntColumn,
  JsonColumn,
  TextColumn,
} from '../database/columns.js';

/** A Docker image in a registry, by its reference and, once resolved, its immutable digest. */
@Entity('docker_images')
@Unique('uq_docker_images_reference', ['reference'])
@Index('ix_docker_images_created_at', ['createdAt', 'id'])
@Check('ck_docker_images_size', '"size_bytes" >= 0')
export class Image {
  @IdColumn() id!: string;
  @TextColumn({ length: 500 }) reference!: string;
  @TextColumn({ length: 255 }) registry!: string;
  @TextColumn({ length: 255 }) repository!: string;
  @TextColumn({ length: 128 }) tag!: string;
  @TextColumn({ length: 71, nullable: true }) digest!: string | null;
  @TextColumn({ length: 1000, nullable: true }) description!: string | null;
  @BigIntColumn({ nullable: true }) sizeBytes!: number | null;
  @JsonColumn({ nullable: true }) platforms!: string[] | null;
  /** Where the tag points now, when that is no longer `digest`. */
  @TextColumn({ length: 71, nullable: true }) movedDigest!: string | null;
  @InstantColumn({ nullable: true }) resolvedAt!: Date | null;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
}
