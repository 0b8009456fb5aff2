import { Injectable } from '@nestjs/common';
import { type CsvShape, LineErrors, type Progress, readCsv } from '../common/csv-file.js';
import { NewDemoInput } from './demos.dto.js';
import { DemosService } from './demos.service.js';

/** The fields of `POST /demos`. */
const shape: CsvShape<NewDemoInput> = {
  type: NewDemoInput,
  columns: ['title', 'summary', 'description', 'category', 'tags', 'docsUrl', 'thumbnailUrl', 'launch'],
  required: ['title', 'summary', 'category', 'launch'],
  cells: { tags: 'list', launch: 'json' },
};

/** Makes demos from a CSV file: all of them or none. */
@Injectable()
export class DemoImportService {
  constructor(private readonly demos: DemosService) {}

  /**
   * Makes a draft of every row.
   * @param options.dryRun check only
   * @returns how many demos were made, or with `dryRun` would be
   * @throws Problem 400 with every bad line
   */
  async import(
    file: Buffer,
    { dryRun, progress }: { dryRun: boolean; progress?: Progress },
  ): Promise<{ created: number }> {
    const errors = new LineErrors();
    const rows = await readCsv(file, shape, errors, progress);
    const images = rows.flatMap(({ line, value: { launch } }) =>
      launch.kind === 'container' ? { line, id: launch.imageId } : [],
    );
    const unknown = await this.demos.unknownImages(images.map(({ id }) => id));
    for (const { line, id } of images)
      if (unknown.has(id)) errors.add(line, 'launch.imageId', 'there is no such image');
    errors.assertNone();
    if (!dryRun && rows.length > 0) {
      progress?.('Writing', 0, rows.length);
      await this.demos.createAll(rows.map(({ value }) => value));
      progress?.('Writing', rows.length, rows.length);
    }
    return { created: rows.length };
  }
}
