/**
 * The built app (dist/src/main.js) as the suites run it: the production boot, with a clock that the suite sets and a
 * count of password computations. app.ts starts it with an IPC channel and ends it with that.
 */
import { createRequire } from 'node:module';

// Counted in the library itself, before the app imports it: whatever in the app hashes is seen.
const argon2 = createRequire(import.meta.url)('@node-rs/argon2');
const stats = { hashes: 0, verifications: 0 };
for (const [name, counter] of Object.entries({ hash: 'hashes', verify: 'verifications' })) {
  const original = argon2[name];
  argon2[name] = (...args) => {
    stats[counter] += 1;
    return original(...args);
  };
}

const { Clock } = await import('../../dist/src/common/clock.js');
const { boot } = await import('../../dist/src/main.js');

class TestClock extends Clock {
  frozenAt;
  shift = 0;

  now() {
    return new Date(this.frozenAt ?? Date.now() + this.shift);
  }
}
const clock = new TestClock();

const commands = {
  set(instant) {
    clock.frozenAt = new Date(instant).getTime();
  },
  advance(milliseconds) {
    if (clock.frozenAt === undefined) clock.shift += milliseconds;
    else clock.frozenAt += milliseconds;
  },
  reset() {
    clock.frozenAt = undefined;
    clock.shift = 0;
  },
  now: () => clock.now().toISOString(),
  stats: () => ({ ...stats }),
  // What the log of an answer already given still writes comes before: one turn of the event loop is left to it.
  mark: (line) => void setImmediate(() => process.stdout.write(`${line}\n`)),
};

process.on('disconnect', () => process.exit(1));
process.on('message', ({ id, command, value }) => {
  process.send({ id, result: commands[command](value) ?? null });
});
// The channel alone must not keep the app alive once it has drained.
process.channel.unref();

if (process.env.TEST_CLOCK) commands.set(process.env.TEST_CLOCK);
delete process.env.TEST_CLOCK;
const { url, metricsUrl } = await boot({ clock });
process.send({ ready: url, metrics: metricsUrl });
