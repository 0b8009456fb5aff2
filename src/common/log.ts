import { pino, type DestinationStream, type Logger } from 'pino';
import { loggedError } from './nest-logger.js';

/** A longer batch is not left to wait for its turn's end (bytes). */
const BATCH = 8_192;

/**
 * Returns the server's log: one JSON line an event, on stdout.
 * @param level the least that is written, e.g. `info`
 */
export function serverLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
      serializers: { err: loggedError },
    },
    oncePerTurn(),
  );
}

/**
 * Writes what one turn of the event loop logs at once, at its end: a system call a line was a tenth of a read's time.
 * Only a process that is killed within that turn loses it.
 */
function oncePerTurn(): DestinationStream {
  const stdout = pino.destination({ fd: 1, sync: true, minLength: BATCH });
  let waiting = false;
  process.once('exit', () => stdout.flushSync());
  return {
    write(line) {
      stdout.write(line);
      if (waiting) return;
      waiting = true;
      setImmediate(() => {
        waiting = false;
        stdout.flush();
      });
    },
  };
}
