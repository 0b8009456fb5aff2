import 'reflect-metadata';
import {
  Email,
  Flag,
  Id,
  IdList,
  Instant,
  Int,
  isWebUrl,
  LongText,
  Nested,
  NestedList,
  OneOf,
  parseInstant,
  Secret,
  Text,
  TextList,
  WebUrl,
} from './fields.js';
import { newId } from './ids.js';
import { Problem } from './problem.js';
import { RequestPipe } from './request.pipe.js';

class Inner {
  @Text({ max: 3 }) word!: string;
}

class Input {
  @Text({ max: 5, optional: true }) text?: string;
  @Text({ max: 5, optional: true, nullable: true }) nullable?: string | null;
  @LongText({ max: 5, optional: true }) long?: string;
  @Secret({ optional: true, max: 5 }) secret?: string;
  @Email({ optional: true }) email?: string;
  @Id({ optional: true }) id?: string;
  @IdList({ optional: true, max: 2 }) ids?: string[];
  @TextList({ optional: true, maxItems: 2, maxLength: 3 }) texts?: string[];
  @Int({ optional: true, min: 1, max: 9 }) int?: number;
  @Flag({ optional: true }) flag?: boolean;
  @OneOf(['a', 'b'], { optional: true }) word?: string;
  @Instant({ optional: true }) at?: Date;
  @WebUrl({ optional: true }) url?: string;
  @Nested(() => Inner, { optional: true }) inner?: Inner;
  @NestedList(() => Inner, { optional: true, max: 2 }) inners?: Inner[];
}

const pipe = new RequestPipe();

async function faults(value: unknown, type: 'body' | 'query' = 'body'): Promise<unknown> {
  try {
    return await pipe.transform(value, { type, metatype: Input });
  } catch (error) {
    return (error as Problem).errors?.map(({ field }) => field);
  }
}

describe('a body', () => {
  const id = newId();
  it.each<[Record<string, unknown>, Record<string, unknown>?]>([
    [{ text: ' abc ' }, { text: 'abc' }],
    [{ text: '🔑🔑🔑🔑🔑' }],
    [{ nullable: null }],
    [{ long: 'a\nb\t' }],
    [{ secret: ' a ' }],
    [{ email: ' Ana@Example.com ' }, { email: 'Ana@Example.com' }],
    [{ id }],
    [{ ids: [] }],
    [{ ids: [id, newId()] }],
    [{ texts: [' a ', 'b'] }, { texts: ['a', 'b'] }],
    [{ int: 9 }],
    [{ flag: false }],
    [{ word: 'a' }],
    [{ at: '2026-11-21T13:00:00+01:00' }, { at: new Date('2026-11-21T12:00:00Z') }],
    [{ url: 'HTTPS://example.com/a?b#c' }],
    [{ inner: { word: 'abc' } }],
    [{ inners: [{ word: 'abc' }, { word: 'd' }] }],
    [{}],
  ])('takes %j', async (value, becomes = value) => {
    expect({ ...((await faults(value)) as object) }).toEqual(becomes);
  });

  const anything = [{}, [], [null], 7, true, '\u0000', '\ud800', 'x'.repeat(3000), '', Number.MAX_VALUE];
  const wrong: [string, unknown[]][] = [
    ['text', [...anything, null, ' ', 'abcdef', 'a\nb', 'a\u001b']],
    ['nullable', anything],
    ['long', [{}, [], 7, null, '\u0000', '\ud800', 'abcdef']],
    ['secret', [{}, [], 7, null, '', '\ud800', 'abcdef']],
    [
      'email',
      [
        ...anything,
        null,
        'a',
        'a@',
        '@b.example',
        'a@b',
        'Ana <a@b.example>',
        '\ud800@b.example',
        `${'a'.repeat(65)}@b.example`,
        'ﷺ'.repeat(18) + '@b.example',
        'a@b@c.example',
        'ａ@ｂ.example',
      ],
    ],
    ['id', [...anything, null, id.toUpperCase(), `${id} `, `{${id}}`, id.replaceAll('-', '')]],
    [
      'ids',
      [{}, 'x', 7, null, [7], [null], ['x'], [id, id], [id, newId(), newId()], [[id]], { length: 1, 0: id }],
    ],
    [
      'texts',
      [
        {},
        'x',
        null,
        [7],
        [null],
        [''],
        [' '],
        ['abcd'],
        ['a', 'a'],
        ['a', ' a'],
        ['a', 'b', 'c'],
        ['\u0000'],
        [['a']],
      ],
    ],
    ['int', [{}, [], [5], '5', null, true, 0, 10, 1.5, 1e300, -1]],
    ['flag', [{}, [], 'true', 1, 0, null]],
    ['word', [{}, [], ['a'], 'c', 'A', '', null, 0, { toString: 'a' }]],
    [
      'at',
      [
        {},
        [],
        null,
        0,
        1_700_000_000_000,
        '',
        '2026-11-21',
        '2026-11-21T12:00:00',
        '2026-02-30T12:00:00Z',
        '2026-13-01T00:00:00Z',
        '2026-11-21T24:00:01Z',
        '1969-12-31T23:59:59Z',
        '+010000-01-01T00:00:00Z',
        '2026-11-21 12:00:00Z',
        'x'.repeat(3000),
      ],
    ],
    [
      'url',
      [
        {},
        [],
        null,
        7,
        '',
        'x',
        '//example.com',
        'javascript:alert(1)',
        'data:text/html,x',
        'ftp://example.com',
        'https://',
        'https://a b',
        'https://u:p@example.com',
        'https://u@example.com',
        'java\nscript:x',
        ' javascript:x',
        `https://example.com/${'x'.repeat(2000)}`,
        'https://example.com\\@evil.example',
        'https://example.com/<script>',
        'https://\u0000example.com',
      ],
    ],
  ];
  it.each(wrong.flatMap(([field, values]) => values.map((value) => [field, value] as const)))(
    'refuses a wrong %s: %j',
    async (field, value) => {
      expect(await faults({ [field]: value })).toEqual([field]);
    },
  );

  it.each([
    [{ inner: null }, 'inner'],
    [{ inner: [] }, 'inner'],
    [{ inner: 'x' }, 'inner'],
    [{ inner: {} }, 'inner.word'],
    [{ inner: { word: 'abcd' } }, 'inner.word'],
    [{ inner: { word: 'a', x: 1 } }, 'inner.x'],
    [{ inners: {} }, 'inners'],
    [{ inners: [{ word: 'a' }, { word: 7 }] }, 'inners.1.word'],
    [{ inners: [{ word: 'a', x: 1 }] }, 'inners.0.x'],
    [{ inners: [{ word: 'a' }, { word: 'a' }, { word: 'a' }] }, 'inners'],
    [{ x: 1 }, 'x'],
    [null, 'body'],
    [[], 'body'],
    ['x', 'body'],
    [7, 'body'],
  ])('refuses %j, naming %s', async (value, field) => {
    expect(await faults(value)).toEqual([field]);
  });

  it.each([[null], ['x'], [7], [[]], [[[]]]])('refuses %j in a list of objects', async (item) => {
    const named = (await faults({ inners: [item] })) as string[];
    expect(named.length).toBeGreaterThan(0);
    for (const field of named) expect(field).toMatch(/^inners/);
  });
});

describe('a query', () => {
  it('reads numbers and flags', async () => {
    expect({ ...((await faults({ int: '5', flag: 'true', text: '5' }, 'query')) as object) }).toEqual({
      int: 5,
      flag: true,
      text: '5',
    });
  });

  it.each(['', ' 5', '5 ', '+5', '5.0.0', '1e1', '0x5', 'NaN', '５', ['5', '5']])(
    'refuses the number %j',
    async (int) => {
      expect(await faults({ int }, 'query')).toEqual(['int']);
    },
  );

  it.each(['__proto__', 'constructor', 'prototype', 'toString'])('refuses the name %s', async (name) => {
    expect(await faults(Object.fromEntries([[name, 'x']]), 'query')).toEqual([name]);
  });
});

describe('parseInstant', () => {
  it.each([
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2026-11-21T12:00Z', '2026-11-21T12:00:00.000Z'],
    ['2026-11-21T12:00:00.123456789Z', '2026-11-21T12:00:00.123Z'],
    ['2026-11-21T23:59:59.999-12:00', '2026-11-22T11:59:59.999Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('of %s is %s', (text, instant) => {
    expect(parseInstant(text)?.toISOString()).toBe(instant);
  });

  it.each([
    '2023-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-11-21T12:60:00Z',
    '2026-11-21T25:00:00Z',
    '9999-12-31T23:59:59-01:00',
    '2026-11-21T12:00:00+25:00',
  ])('of %s is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('isWebUrl', () => {
  it.each([
    'http://localhost:3000',
    'https://example.com',
    'https://münchen.example/ä',
    'http://[::1]:8080/x',
  ])('takes %s', (url) => {
    expect(isWebUrl(url)).toBe(true);
  });
});
