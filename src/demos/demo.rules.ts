import { isId } from '../common/ids.js';

const MAX_SLUG = 200;

/** Paths below /demos that are no demo. */
const RESERVED = ['import'];

/** Latin letters that Unicode does not take apart into a base letter and its marks. */
const SPELLED: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
};

/**
 * Returns the slug that a title asks for: ASCII letters, digits and dashes; `demo` when nothing of the title is left.
 * It never looks like an id, because a demo is read by either, and is no path of another call.
 */
export function slugOf(title: string): string {
  const slug = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[ßæœøłđðþı]/g, (letter) => SPELLED[letter] ?? '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'demo' : isId(slug) || RESERVED.includes(slug) ? `demo-${slug}` : slug;
}

/** Returns the slugs to try in order: the one asked for, then with `-2`, `-3` … `count` at a time, from `first`. */
export function slugCandidates(slug: string, first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return number === 1 ? slug : `${slug}-${number}`;
  });
}
