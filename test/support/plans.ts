/** How the databases mean to take a query: read, not measured, so that a lost index fails a test and not a user. */
import type { UnitOfWork } from '../../src/database/unit-of-work.js';
import { parseSql, PreparedQuery, render, type SqlParameters } from '../../src/database/sql.js';

/**
 * The steps of a query's plan, each in the words of its database.
 * @param query a prepared one, or SQL with parameters `:name`
 */
export function planOf(
  uow: UnitOfWork,
  query: PreparedQuery<unknown> | string,
  parameters: SqlParameters,
): Promise<string[]> {
  return uow.run(async (em) => {
    const { text, values } = bound(uow, query, parameters);
    // The tables are empty or small: what matters is that an index can serve the query, and its order.
    if (uow.dialect === 'postgres') {
      for (const step of ['seqscan', 'bitmapscan', 'sort']) await em.query(`SET LOCAL enable_${step} = off`);
    }
    const explain = uow.dialect === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
    const steps = await em.query<Record<string, string>[]>(`${explain} ${text}`, values);
    return steps.map((step) => step.detail ?? step['QUERY PLAN']!);
  });
}

/** The steps that read a whole table, or sort what an index could have handed out in order. */
export function costlySteps(steps: readonly string[]): string[] {
  const costly = /^SCAN (?!CONSTANT)(?!.*USING (COVERING )?INDEX)|USE TEMP B-TREE|Seq Scan on|\bSort\b/;
  return steps.filter((step) => costly.test(step));
}

function bound(
  uow: UnitOfWork,
  query: PreparedQuery<unknown> | string,
  parameters: SqlParameters,
): { text: string; values: unknown[] } {
  if (!(query instanceof PreparedQuery)) return render(parseSql(query), uow.dialect, parameters);
  const [{ text }, values] = query.bound(uow.dialect, parameters);
  return { text, values };
}
