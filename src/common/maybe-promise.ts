/** What is there at once where nothing has to be waited for: SQLite answers in place, PostgreSQL by a promise. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Returns what `next` makes of a value, at once where the value is there. For the few places that every request passes:
 * each promise costs there, on Node 20 most of all, whose AsyncLocalStorage follows every one of them.
 */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => R): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
