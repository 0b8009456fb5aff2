import { WriteLaneTimeoutError } from '../errors.js';
import { WriteLane } from './write-lane.js';

describe('WriteLane', () => {
  it('lets one in at a time, in the order in which they came', async () => {
    const lane = new WriteLane();
    const seen: string[] = [];
    const enter = async (name: string) => {
      const leave = await lane.enter(1_000);
      seen.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} out`);
      leave();
    };
    await Promise.all(['a', 'b', 'c'].map(enter));
    expect(seen).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect([lane.occupied, lane.waiting]).toEqual([false, 0]);
  });

  it('turns away who waits too long, and goes on with the next', async () => {
    const lane = new WriteLane();
    const leave = await lane.enter(10);
    const impatient = lane.enter(10);
    const patient = lane.enter(1_000);
    await expect(impatient).rejects.toThrow(WriteLaneTimeoutError);
    expect(lane.waiting).toBe(1);
    leave();
    (await patient)();
    expect(lane.occupied).toBe(false);
  });

  it('ends a turn once, however often it is told to', async () => {
    const lane = new WriteLane();
    const leaveFirst = await lane.enter(10);
    leaveFirst();
    await lane.enter(10);
    leaveFirst();
    await expect(lane.enter(10)).rejects.toThrow(WriteLaneTimeoutError);
  });
});
