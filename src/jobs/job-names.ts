/** Every background job. */
export const jobNames = [
  'demo-sessions',
  'reminders',
  'outbox',
  'retention',
  'rollup-check',
  'encryption',
] as const;
export type JobName = (typeof jobNames)[number];
