import { slugCandidates, slugOf } from './demo.rules.js';

describe('the slug of a title', () => {
  it.each([
    ['Fleet analytics', 'fleet-analytics'],
    ['  Fleet --- analytics!  ', 'fleet-analytics'],
    ['Gestão de Energía: Österreich', 'gestao-de-energia-osterreich'],
    ['Straße, Smørrebrød & Łódź', 'strasse-smorrebrod-lodz'],
    ['ﬁne ② Ｗｉｄｅ', 'fine-2-wide'],
    ['CRM 2.0', 'crm-2-0'],
    ['日本語', 'demo'],
    ['Демо CRM', 'crm'],
    ['🚀', 'demo'],
    ['../../etc/passwd', 'etc-passwd'],
    ['İstanbul', 'istanbul'],
    ['019a4c1e-7b1f-7000-8000-000000000001', 'demo-019a4c1e-7b1f-7000-8000-000000000001'],
    [`${'a'.repeat(199)} b`, 'a'.repeat(199)],
    ['ﷺ'.repeat(200), 'demo'],
    ['㍿'.repeat(200), 'demo'],
    ['½½½', '1-21-21-2'],
    ['Import', 'demo-import'],
    ['Importing', 'importing'],
    ['Import 2', 'import-2'],
  ])('%s is %s', (title, slug) => {
    expect(slugOf(title)).toBe(slug);
  });

  it('fits its column however long the title becomes', () => {
    expect(slugOf('½'.repeat(200)).length).toBeLessThanOrEqual(200);
  });

  it('is followed by numbers, from 2', () => {
    expect(slugCandidates('crm', 1, 3)).toEqual(['crm', 'crm-2', 'crm-3']);
    expect(slugCandidates('crm', 4, 2)).toEqual(['crm-4', 'crm-5']);
  });
});
