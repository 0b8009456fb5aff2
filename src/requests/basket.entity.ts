import { Entity, ForeignKey, Index } from 'typeorm';
import { InstantColumn, RefColumn } from '../database/columns.js';

/** A demo that a client has put aside to ask for. */
@Entity('basket_items')
@Index('ix_basket_items_demo_id', ['demoId'])
export class BasketItem {
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ primary: true })
  clientId!: string;
  @ForeignKey('Demo', { onDelete: 'CASCADE' })
  @RefColumn({ primary: true })
  demoId!: string;
  @InstantColumn() addedAt!: Date;
}
