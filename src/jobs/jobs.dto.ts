import { Instant, OneOf, Text } from '../common/fields.js';
import { type JobName, jobNames } from './job-names.js';

/** A background job as it stands. */
export class JobDto {
  @OneOf(jobNames) name!: JobName;
  @Instant({ nullable: true, description: 'When it last came to an end.' }) lastRunAt!: Date | null;
  @Text({ max: 1000, nullable: true, example: '2 mails sent' }) result!: string | null;
  @Instant({ nullable: true, description: 'When it is due next, at the latest.' }) nextRunAt!: Date | null;
}
