import { Logger } from '@nestjs/common';
import { requestContext } from '../common/request-context.js';
import { querySeconds, slowQueries } from './metrics.js';

/** The kinds of statement that are told apart; what else there is counts as `other`. */
const kinds = ['select', 'with', 'insert', 'update', 'delete', 'begin', 'start', 'commit', 'rollback'];

/** A longer text is cut in the log. */
const LONGEST_TEXT = 2_000;

const other = querySeconds.labels('other');
const byKind = new Map(kinds.map((kind) => [kind, querySeconds.labels(kind === 'start' ? 'begin' : kind)]));

/** Measures statements, and logs those that take long. One for the process: the drivers call it. */
class QueryWatch {
  /** From how long on a statement is logged. Whoever serves sets it; a command logs none. */
  slowMs = Infinity;
  private readonly logger = new Logger('SlowQuery');

  /**
   * Notes a statement that has ended, well or not.
   * @param text as it was prepared: with placeholders, so that no value is logged
   * @param startedAt by `performance.now()`
   */
  ended(text: string, startedAt: number): void {
    const ms = performance.now() - startedAt;
    const kind = /\w+/.exec(text)?.[0].toLowerCase() ?? '';
    (byKind.get(kind) ?? other).observe(ms / 1000);
    if (ms > this.slowMs) this.tell(text, ms);
  }

  private tell(text: string, ms: number): void {
    slowQueries.inc();
    const { requestId } = requestContext();
    const statement = text.replace(/\s+/g, ' ').trim();
    this.logger.warn({
      msg: 'slow query',
      ms: Math.round(ms * 10) / 10,
      statement: statement.length > LONGEST_TEXT ? `${statement.slice(0, LONGEST_TEXT)}…` : statement,
      ...(requestId !== null && { requestId }),
    });
  }
}

export const queryWatch = new QueryWatch();
