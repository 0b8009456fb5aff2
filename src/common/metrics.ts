import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of this process. Each is declared beside what it counts; src/metrics hands them out. */
export const registry = new Registry();

/** Where durations of what a person waits for are told apart, in seconds. */
const WAITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const described = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
  name: `ecatalog_${name}`,
  help,
  labelNames,
  registers: [registry],
});

/** Declares a counter `ecatalog_NAME`; the name ends in `_total`. */
export function counter<Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
): Counter<Label> {
  return new Counter(described(name, help, labels));
}

/** Declares a gauge `ecatalog_NAME`. */
export function gauge<Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
): Gauge<Label> {
  return new Gauge(described(name, help, labels));
}

/** Declares a histogram of seconds `ecatalog_NAME`. */
export function histogram<Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
  buckets: readonly number[] = WAITS,
): Histogram<Label> {
  return new Histogram({ ...described(name, help, labels), buckets: [...buckets] });
}

/** Takes the values of a gauge away: what is not known shall not be there, rather than be 0. */
export function forget(gauge: Gauge): void {
  gauge.reset();
  gauge.remove({});
}
