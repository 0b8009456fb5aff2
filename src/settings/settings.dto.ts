import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { Int, Text } from '../common/fields.js';
import { settingList } from './setting-list.js';

/** What a value can be; the setting itself says which. */
const anyValue = {
  description: 'A value of the type of the setting’s default; null where the setting can be off.',
  nullable: true,
  oneOf: [
    { type: 'integer' },
    { type: 'boolean' },
    { type: 'array', items: { type: 'integer' } },
    { type: 'string' },
  ],
  example: 30,
};

/** One setting, as it stands. */
export class SettingDto {
  @ApiProperty({ type: String, enum: Object.keys(settingList), example: 'access.defaultDays' })
  key!: string;

  @ApiProperty({ ...anyValue, description: 'The value that holds now.' })
  value!: unknown;

  @ApiProperty({ ...anyValue, description: 'The value of a new installation.' })
  default!: unknown;

  @Int({ min: 1, example: 1, description: '1 until the setting is first changed.' })
  version!: number;

  @Text({ max: 1000, example: settingList['access.defaultDays'].description })
  description!: string;
}

/** A new value. */
export class SettingPatch {
  @ApiProperty(anyValue)
  @ValidateBy({
    name: 'isGiven',
    validator: { validate: (value) => value !== undefined, defaultMessage: () => 'must be given' },
  })
  value!: unknown;
}
