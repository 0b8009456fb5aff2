import { Entity } from 'typeorm';
import { InstantColumn, TextColumn } from '../database/columns.js';

/** One background job: who does it at the moment, how it went and when it is due. */
@Entity('jobs')
export class Job {
  @TextColumn({ length: 60, primary: true }) name!: string;
  /** The process that holds the lease; one that died loses it at `leasedUntil`. */
  @TextColumn({ length: 60, nullable: true }) leasedBy!: string | null;
  @InstantColumn({ nullable: true }) leasedUntil!: Date | null;
  @InstantColumn({ nullable: true }) lastRunAt!: Date | null;
  @TextColumn({ length: 1000, nullable: true }) lastResult!: string | null;
  @InstantColumn({ nullable: true }) nextRunAt!: Date | null;
}
