import { ApiProperty } from '@nestjs/swagger';
import { OneOf } from '../common/fields.js';

const indicators = (example: Record<string, unknown>, description: string) =>
  ApiProperty({
    type: 'object',
    additionalProperties: {
      type: 'object',
      required: ['status'],
      properties: { status: { type: 'string', enum: ['up', 'down'] } },
      additionalProperties: true,
    },
    example,
    description,
  });

/** A health answer, as Terminus shapes it. */
export class HealthDto {
  @OneOf(['ok', 'error', 'shutting_down'], { example: 'ok' })
  status!: string;

  @indicators({ database: { status: 'up', responseTime: 1 } }, 'What is up.')
  info!: Record<string, unknown>;

  @indicators({}, 'What is down.')
  error!: Record<string, unknown>;

  @indicators({ database: { status: 'up', responseTime: 1 } }, 'Both together.')
  details!: Record<string, unknown>;
}
