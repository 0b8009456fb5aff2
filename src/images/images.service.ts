import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { changes, shown } from '../audit/changes.js';
import { Clock } from '../common/clock.js';
import { honourMatch, requireMatch, versionMismatch } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { type ListQuery, Lists, type Page } from '../common/pagination.js';
import { conflict, invalid, notFound } from '../common/problem.js';
import { isForeignKeyViolation, isUniqueViolation } from '../database/errors.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Image } from './image.entity.js';
import { type ImageName, parseReference } from './image.rules.js';
import { RegistryService } from './registry.service.js';
import { type ImageDto, type ImagePatch, type NewImageInput, toImageDto } from './images.dto.js';

const UNRESOLVED = { digest: null, movedDigest: null, sizeBytes: null, platforms: null, resolvedAt: null };

/** The Docker images that container demos run. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly registry: RegistryService,
  ) {}

  /** Returns a page of images. */
  list(query: ListQuery): Promise<Page<ImageDto>> {
    return this.lists.page<ImageDto>(
      {
        select: `"id", "reference", "registry", "repository", "tag", "digest", "description",
          "moved_digest" AS "movedDigest",
          "size_bytes" AS "sizeBytes", "platforms", "resolved_at" AS "resolvedAt", "version",
          "created_at" AS "createdAt", "updated_at" AS "updatedAt"`,
        from: '"docker_images"',
        types: {
          sizeBytes: 'integer',
          platforms: 'json',
          resolvedAt: 'instant',
          createdAt: 'instant',
          updatedAt: 'instant',
        },
        id: '"id"',
        sorts: {
          createdAt: { expression: '"created_at"', kind: 'instant' },
          reference: { expression: '"reference"', kind: 'text' },
        },
        defaultSort: '-createdAt',
      },
      query,
    );
  }

  /** Returns an image. @throws Problem `not-found` */
  async get(id: string): Promise<ImageDto> {
    return toImageDto(await this.find(id));
  }

  /** Adds an image. @throws Problem `validation` naming `reference`, `conflict` when its canonical form is there */
  async create({ reference, description = null }: NewImageInput): Promise<ImageDto> {
    const name = nameOf(reference);
    const creating = this.idempotency.run<ImageDto>(async () => {
      const now = this.clock.now();
      const image: Image = {
        id: newId(),
        ...name,
        ...UNRESOLVED,
        description,
        version: 1,
        createdAt: now,
        updatedAt: now,
      };
      await this.uow.manager.insert(Image, image);
      const after = shown(image, ['reference', 'description']);
      this.audit.record({ action: 'image.created', entityType: 'image', entityId: image.id, after });
      return toImageDto(image);
    });
    return creating.catch(throwTaken);
  }

  /**
   * Changes an image. Under another reference it is not resolved.
   * @throws Problem `not-found`, `precondition-required`, `version-mismatch`, and as `create`
   */
  async change(
    id: string,
    { reference, ...patch }: ImagePatch,
    ifMatch: string | undefined,
  ): Promise<ImageDto> {
    const name = reference === undefined ? undefined : nameOf(reference);
    const changing = this.uow.run(async () => {
      const image = await this.hold(id);
      requireMatch(image.version, ifMatch);
      const wanted: Image = { ...image, ...patch, ...name };
      const changed = changes(image, wanted);
      if (!changed) return toImageDto(image);
      const next: Image = {
        ...wanted,
        ...(wanted.reference !== image.reference && UNRESOLVED),
        version: image.version + 1,
        updatedAt: this.clock.now(),
      };
      const { affected } = await this.uow.manager.update(Image, { id, version: image.version }, next);
      if (affected !== 1) throw versionMismatch();
      this.audit.record({ action: 'image.updated', entityType: 'image', entityId: id, ...changed });
      return toImageDto(next);
    });
    return changing.catch(throwTaken);
  }

  /**
   * Asks the registry what the image's tag points at. A digest that is known stays: where the tag was moved away from
   * it, `movedDigest` shows it, until that one is adopted. The same as before changes nothing.
   * @throws Problem `not-found`, `version-mismatch`, `conflict` when the reference was changed meanwhile, and as
   *   `RegistryService.resolve`
   */
  async resolve(id: string, { adopt }: { adopt: boolean }, ifMatch: string | undefined): Promise<ImageDto> {
    const asked = await this.find(id);
    honourMatch(asked.version, ifMatch);
    const { digest, sizeBytes, platforms } = await this.registry.resolve(asked);
    return this.uow.run(async () => {
      const image = await this.hold(id);
      honourMatch(image.version, ifMatch);
      if (image.reference !== asked.reference) throw conflict('The reference was changed meanwhile.');
      const now = this.clock.now();
      const moved = image.digest !== null && image.digest !== digest && !adopt;
      const found = moved ? { movedDigest: digest } : { digest, sizeBytes, platforms, movedDigest: null };
      const changed = changes(image, found);
      if (!changed) return toImageDto(image);
      const next: Image = {
        ...image,
        ...found,
        resolvedAt: moved ? image.resolvedAt : now,
        version: image.version + 1,
        updatedAt: now,
      };
      const { affected } = await this.uow.manager.update(Image, { id, version: image.version }, next);
      if (affected !== 1) throw versionMismatch();
      this.audit.record({ action: 'image.resolved', entityType: 'image', entityId: id, ...changed });
      return toImageDto(next);
    });
  }

  /** Removes an image. @throws Problem as `change`, and `conflict` while a demo is launched from it */
  async remove(id: string, ifMatch: string | undefined): Promise<void> {
    const removing = this.uow.run(async () => {
      const image = await this.hold(id);
      requireMatch(image.version, ifMatch);
      const { affected } = await this.uow.manager.delete(Image, { id, version: image.version });
      if (affected !== 1) throw versionMismatch();
      const before = shown(image, ['reference', 'description']);
      this.audit.record({ action: 'image.removed', entityType: 'image', entityId: id, before });
    });
    await removing.catch((error: unknown) => {
      if (isForeignKeyViolation(error)) throw conflict('A demo is launched from this image.');
      throw error;
    });
  }

  /** Reads an image and holds it for the rest of the unit: of two who change it at once the later sees the earlier. */
  private async hold(id: string): Promise<Image> {
    const query = this.uow.manager.createQueryBuilder(Image, 'i').where({ id });
    if (this.uow.dialect === 'postgres') query.setLock('for_no_key_update');
    const image = await query.getOne();
    if (!image) throw notFound();
    return image;
  }

  private async find(id: string): Promise<Image> {
    const image = await this.uow.manager.findOneBy(Image, { id });
    if (!image) throw notFound();
    return image;
  }
}

function nameOf(reference: string): ImageName {
  const name = parseReference(reference);
  if ('problem' in name) throw invalid('reference', name.problem);
  return name;
}

function throwTaken(error: unknown): never {
  if (isUniqueViolation(error, 'uq_docker_images_reference')) {
    throw conflict('There is an image of this reference.');
  }
  throw error;
}
