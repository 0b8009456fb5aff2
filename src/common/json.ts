import { invalid, unknownFields } from './problem.js';
import { isReservedName } from './request.pipe.js';

/** Deeper JSON is refused before anything walks it by recursion. */
const MAX_DEPTH = 20;

/**
 * Parses JSON strictly: no deep nesting, no key that is a property of every object.
 * @param field what a problem names
 * @throws Problem `validation`
 */
export function parseJson(text: string, field: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid(field, 'is not valid JSON');
  }
  const open: [unknown, number][] = [[parsed, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next;
    if (value === null || typeof value !== 'object') continue;
    if (depth === MAX_DEPTH) throw invalid(field, `is nested deeper than ${MAX_DEPTH}`);
    for (const [key, inner] of Object.entries(value)) {
      if (isReservedName(key)) throw unknownFields([key]);
      open.push([inner, depth + 1]);
    }
  }
  return parsed;
}
