import { Presets, SingleBar } from 'cli-progress';

/** What the commands say: text for a person, or with `--json` one JSON value for a machine. Errors go to stderr. */
export class Output {
  constructor(readonly json: boolean) {}

  /** A line for a person; a machine does not see it. */
  say(line = ''): void {
    if (!this.json) process.stdout.write(`${line}\n`);
  }

  /** The result: as JSON for a machine, in the words of `text` for a person. */
  result(value: unknown, text: string): void {
    process.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
  }

  /** A progress bar for a person at a terminal, nothing else; the returned function moves it, `stop` takes it away. */
  progressBar(): { move: (what: string, done: number, total: number) => void; stop: () => void } {
    if (this.json || !process.stderr.isTTY) return { move: () => undefined, stop: () => undefined };
    const bar = new SingleBar(
      { format: '{what} {bar} {value} of {total}', clearOnComplete: true, hideCursor: true },
      Presets.shades_classic,
    );
    return {
      move: (what, done, total) => {
        if (bar.isActive) bar.setTotal(total);
        else bar.start(total, done, { what });
        bar.update(done, { what });
      },
      stop: () => bar.stop(),
    };
  }

  /** What happens meanwhile, beside the result. */
  progress(line: string): void {
    if (!this.json) process.stderr.write(`${line}\n`);
  }
}

/** A command failed for a reason that is told in words: exit code 1. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** A command was called wrongly: exit code 2. */
export class UsageError extends CommandError {
  override name = 'UsageError';
}
