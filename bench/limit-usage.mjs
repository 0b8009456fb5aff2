/** The rows that an opened session adds to usage, as src/analytics/usage.service.ts writes them. */
import { bucketKeys } from '../dist/src/analytics/usage-upkeep.rules.js';
import {
  addEvent,
  addToBucket,
  addToClient,
  addToDay,
  addToDemo,
  markLastDay,
  runningSums,
} from '../dist/src/analytics/usage.queries.js';
import { newId } from '../dist/src/common/ids.js';

/** @returns what writes one opening, in the transaction of its caller */
export function usageStatements(from) {
  const [event, demo, client, day, bucket, mark] = [
    addEvent,
    addToDemo,
    addToClient,
    addToDay,
    addToBucket,
    markLastDay,
  ].map(from);
  const sums = [runningSums.demos, runningSums.clients].map(({ add, carry }) => ({
    add: from(add),
    carry: from(carry),
  }));
  return ({ sessionId, clientId, demoId, at }) => {
    const ids = { demoSessionId: sessionId, clientId, demoId };
    const opened = { opens: 1, durationSeconds: 0, lastOpenedAt: at };
    const gain = { day: at.toISOString().slice(0, 10), ...ids, ...opened };
    event.run({ id: newId(), ...ids, kind: 'opened', at, durationSeconds: null });
    const isNew = demo.get(gain).opens === 1;
    const { opens } = client.get(gain);
    if (opens === 1) for (const key of bucketKeys(new Map([[gain.day, [clientId]]]))) bucket.run(key);
    for (const [index, id] of [demoId, clientId].entries()) {
      const total = sums[index].add.get({ ...gain, id });
      const before = { opensBefore: total.opens - 1, durationBefore: total.durationSeconds };
      sums[index].carry.run({ id, day: gain.day, ...before });
    }
    if (isNew) mark.run({ ...gain, first: gain.day });
    day.run({ ...gain, newClients: opens === 1 ? 1 : 0 });
  };
}
