import { ApiProperty } from '@nestjs/swagger';
import { Id, Instant, OneOf } from '../common/fields.js';

/** A demo that a client has put aside to ask for. */
export class BasketItemDto {
  @Id() demoId!: string;
  @ApiProperty({ example: 'sales-dashboard' }) slug!: string;
  @ApiProperty({ example: 'Sales dashboard' }) title!: string;
  @ApiProperty({ example: 'Revenue by region, live.' }) summary!: string;
  @ApiProperty({ example: 'analytics' }) category!: string;
  @OneOf(['draft', 'published', 'retired'], {
    description: 'One that is not `published` any more has to be taken out before the basket is submitted.',
  })
  demoStatus!: string;
  @Instant() addedAt!: Date;
}
