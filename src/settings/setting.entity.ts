import { Entity } from 'typeorm';
import { InstantColumn, IntColumn, JsonColumn, TextColumn } from '../database/columns.js';

/** The value of one setting that was changed; one that never was has no row, its default stands in the code. */
@Entity('system_config')
export class Setting {
  @TextColumn({ length: 60, primary: true }) key!: string;
  @JsonColumn({ nullable: true }) value!: unknown;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
}
