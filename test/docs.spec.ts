/** The pages of docs/: what they point to is there, and what they claim names a test that exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { loadConfig } from '../src/config/app-config.js';
import { variables, type Variable } from '../src/config/variables.js';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);

/** The rows of the table after a comment, cell by cell. */
function tableAfter(page: string, mark: string): string[][] {
  const [, rest = ''] = read(page).split(`<!-- ${mark} -->`);
  const lines = rest.trim().split(/\n\n/, 1)[0]!.split('\n').slice(2);
  return lines.map((line) =>
    line
      .replace(/^\|\s*|\s*\|$/g, '')
      .split(/\s*(?<!\\)\|\s*/)
      .map((cell) => cell.replaceAll('\\|', '|')),
  );
}

/** Tests that a cell names, as file and title. */
const namedTests = (cell = '') =>
  cell.split('<br>').map((text) => {
    const [, file = '', title = ''] = /^`([^`]+)` (.+)$/.exec(text) ?? [];
    return { file, title };
  });

/** Names that can be linked to in a page: its headings as GitHub has them, and ids. */
function anchorsOf(page: string): Set<string> {
  const text = page.startsWith('#') ? '' : read(page);
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([\w-]+)"/g)].map(([, id]) => id!)]);
}

describe.each([
  ['docs/security.md', 'asvs', 80],
  ['docs/faults.md', 'faults', 18],
])('the table of %s', (page, mark, rows) => {
  const cells = tableAfter(page, mark);

  it('is whole', () => {
    expect(cells.length).toBeGreaterThanOrEqual(rows);
    expect(cells.filter((row) => row.length !== 3 || row.some((cell) => cell === ''))).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing = cells
      .flatMap(([name, , tests]) => namedTests(tests).map((test) => ({ name, ...test })))
      .filter(({ file, title }) => {
        if (!/spec\.ts$/.test(file) || title === '' || !existsSync(join(root, file))) return true;
        return !read(file).includes(title);
      });
    expect(missing).toEqual([]);
  });
});

describe('docs/security.md', () => {
  it('has every item of level 1, as met, as not of this product, or as the operator’s', () => {
    // OWASP ASVS 5.0.0, the items whose level is 1.
    const level1 =
      '1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3 4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2 7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1';
    const items = level1.split(' ');
    expect(items).toHaveLength(70);
    const text = read('docs/security.md').replace('10.4.1 to 10.4.4', '10.4.1, 10.4.2, 10.4.3, 10.4.4');
    const named = new Set(text.match(/\b\d+\.\d+\.\d+\b/g));
    expect(items.filter((item) => !named.has(item))).toEqual([]);
  });

  it('says how soon vulnerable packages are updated', () => {
    expect(read('docs/security.md')).toMatch(/within 7 days.+critical or high.+within 30 days/s);
  });
});

describe('docs/configuration.md', () => {
  it('says what production does not start without', () => {
    const list: readonly Variable[] = variables;
    let message = '';
    try {
      loadConfig({ NODE_ENV: 'production' });
    } catch (error) {
      ({ message } = error as Error);
    }
    const demanded = [...message.matchAll(/- (\w+): is missing/g)].map(([, name]) => name);
    expect(demanded.sort()).toEqual(
      list
        .filter(({ required }) => required)
        .map(({ name }) => name)
        .sort(),
    );
  });
});

describe('every page', () => {
  it.each(pages)('%s links to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link]) => link!);
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(target).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(pages)('%s promises no more than it can', (page) => {
    expect(read(page)).not.toMatch(/certified|tamper.?proof/i);
  });
});

describe('the alert rules', () => {
  it('lead to runbooks that exist', () => {
    const file = 'helm/ecatalog/files/alerts.yaml';
    const led = [...read(file).matchAll(/docs\/operations\.md#([\w-]+)/g)].map(([, anchor]) => anchor!);
    const anchors = anchorsOf('docs/operations.md');
    expect(led.length).toBeGreaterThan(0);
    expect(led.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
