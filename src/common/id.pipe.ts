import { Injectable, type PipeTransform } from '@nestjs/common';
import { isId } from './ids.js';
import { notFound } from './problem.js';

/** Lets an id in a path through; a malformed one is answered like an unknown one (404). */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    if (!isId(value)) throw notFound();
    return value;
  }
}
