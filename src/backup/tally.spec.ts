import { Tally } from './tally.js';

const tallyOf = (...lines: string[]): object => {
  const tally = new Tally();
  for (const line of lines) tally.add([line]);
  return tally.result;
};

describe('a tally', () => {
  it('does not depend on the order', () => {
    expect(tallyOf('a', 'b', 'c')).toEqual(tallyOf('c', 'a', 'b'));
    expect(tallyOf()).toEqual({ rows: 0, digest: '0'.repeat(64) });
  });

  it('sees a change, a swap between rows and a row that is there twice', () => {
    expect(tallyOf('a\t1', 'b\t2')).not.toEqual(tallyOf('a\t2', 'b\t1'));
    expect(tallyOf('a', 'b')).not.toEqual(tallyOf('a', 'c'));
    expect(tallyOf('a', 'a')).not.toEqual(tallyOf('b', 'b'));
  });
});
