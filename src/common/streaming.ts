import { Readable } from 'node:stream';
import { applyDecorators, StreamableFile } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';

/** What a streamed answer is called. */
export interface StreamedFile {
  /** Content type. */
  type: string;
  filename: string;
}

export const NDJSON = 'application/x-ndjson';
export const SVG = 'image/svg+xml';
export const CSV = 'text/csv; charset=utf-8';

/**
 * Answers with text as it is made: one piece is asked for when the caller has taken the last, and none any more once
 * they have gone. The first is made before the answer begins, so that an outage is still a problem and no cut file.
 */
export async function streamed(
  pieces: AsyncGenerator<string, void, undefined>,
  { type, filename }: StreamedFile,
): Promise<StreamableFile> {
  const first = await pieces.next();
  async function* all(): AsyncGenerator<string, void, undefined> {
    if (first.done) return;
    yield first.value;
    yield* pieces;
  }
  return new StreamableFile(Readable.from(all(), { objectMode: false }), {
    type,
    disposition: `attachment; filename="${filename}"`,
  });
}

/** Yields each row as a line of JSON, a batch at a time. */
export async function* ndjson(batches: AsyncIterable<object[]>): AsyncGenerator<string, void, undefined> {
  for await (const rows of batches) yield rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Documents an answer that is no JSON. */
export function ApiFile(type: string, description: string): MethodDecorator {
  const [mediaType = type] = type.split(';');
  return applyDecorators(
    ApiOkResponse({ description, content: { [mediaType]: { schema: { type: 'string' } } } }),
  );
}
