/** The rows that an opened session adds to usage, as src/analytics/usage.service.ts writes them. */
import { newId } from '../dist/src/common/ids.js';
import { addToClient, addToDay, addToDemo } from '../dist/src/analytics/usage.queries.js';

/** @returns what writes one opening, in the transaction of its caller */
export function usageStatements(from, insertInto) {
  const event = insertInto('usage_analytics', [
    ...['id', 'demo_session_id', 'client_id', 'demo_id', 'kind', 'at', 'duration_seconds'],
  ]);
  const [demo, client, day] = [addToDemo, addToClient, addToDay].map(from);
  return ({ sessionId, clientId, demoId, at }) => {
    const gain = {
      day: at.toISOString().slice(0, 10),
      demoId,
      clientId,
      opens: 1,
      durationSeconds: 0,
      lastOpenedAt: at,
    };
    event.run({
      id: newId(),
      demo_session_id: sessionId,
      client_id: clientId,
      demo_id: demoId,
      kind: 'opened',
      at,
      duration_seconds: null,
    });
    demo.run(gain);
    const { opens } = client.get(gain);
    day.run({ ...gain, newClients: opens === 1 ? 1 : 0 });
  };
}
