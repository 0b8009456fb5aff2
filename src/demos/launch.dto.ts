import { applyDecorators } from '@nestjs/common';
import { ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, Matches, ValidateBy, ValidateIf, ValidateNested } from 'class-validator';
import { Id, Int, OneOf, Text, WebUrl } from '../common/fields.js';

const MAX_VARIABLES = 100;
const MAX_VALUE = 4000;

/** A demo that runs at an address of its own. */
export class LinkLaunch {
  @OneOf(['link']) kind!: 'link';
  @WebUrl() url!: string;
}

/** A demo that is started from an image for each demo session. */
export class ContainerLaunch {
  @OneOf(['container']) kind!: 'container';
  @Id() imageId!: string;
  @Int({ min: 1, max: 65_535, example: 8080, description: 'On which the demo serves HTTP.' }) port!: number;
  @Environment() env?: Record<string, string>;
  @Quantity(/^(?=.*[1-9])(\d{1,4}(\.\d{1,3})?|\d{1,7}m)$/, '500m', 'Cores, as a Kubernetes quantity.')
  cpu?: string;
  @Quantity(/^[1-9]\d{0,14}([KMGT]i|[kMGT])?$/, '512Mi', 'Bytes, as a Kubernetes quantity.')
  memory?: string;
  @Int({ min: 1, max: 10_080, optional: true, description: 'Maximum age, else the setting’s.' })
  maxMinutes?: number;
  @Int({ min: 1, max: 1440, optional: true, description: 'Idle time, else the setting’s.' })
  idleMinutes?: number;
}

/** What a launch of neither kind is validated as, so that the answer names `launch.kind`. */
class UnknownLaunch {
  @OneOf(['link', 'container']) kind!: string;
}

export type Launch = LinkLaunch | ContainerLaunch;
export const launchKinds = { link: LinkLaunch, container: ContainerLaunch };

/** How a demo is launched: one of the kinds, told apart by `kind`. */
export function LaunchField({ optional = false } = {}): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      required: !optional,
      oneOf: Object.values(launchKinds).map((kind) => ({ $ref: getSchemaPath(kind) })),
      discriminator: {
        propertyName: 'kind',
        mapping: Object.fromEntries(
          Object.entries(launchKinds).map(([word, kind]) => [word, getSchemaPath(kind)]),
        ),
      },
    }),
    ValidateIf((_, value) => !(optional && value === undefined)),
    IsObject({ message: 'must be an object' }),
    ValidateNested({ message: 'must be an object' }),
    Type((given) => classOf((given?.object as { launch?: unknown } | undefined)?.launch)),
  );
}

function classOf(launch: unknown): new () => object {
  const kind = (launch as { kind?: unknown } | null | undefined)?.kind;
  return kind === 'link' || kind === 'container' ? launchKinds[kind] : UnknownLaunch;
}

/** Environment variables by name. */
function Environment(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      selfRequired: false,
      type: 'object',
      additionalProperties: { type: 'string', maxLength: MAX_VALUE },
      maxProperties: MAX_VARIABLES,
      example: { LOG_LEVEL: 'info' },
      description: 'Environment variables; shown to administrators only.',
    }),
    ValidateIf((_, value) => value !== undefined),
    ValidateBy({
      name: 'isEnvironment',
      validator: {
        validate: isEnvironment,
        defaultMessage: () =>
          `must map at most ${MAX_VARIABLES} names of letters, digits and _ to texts of at most ${MAX_VALUE}`,
      },
    }),
  );
}

function isEnvironment(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const variables = Object.entries(value as Record<string, unknown>);
  return (
    variables.length <= MAX_VARIABLES &&
    variables.every(
      ([name, text]) =>
        /^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name) &&
        typeof text === 'string' &&
        text.length <= MAX_VALUE &&
        text.isWellFormed() &&
        !text.includes('\0'),
    )
  );
}

/** A Kubernetes quantity. */
function Quantity(pattern: RegExp, example: string, description: string): PropertyDecorator {
  return applyDecorators(
    Text({ max: 20, optional: true, example, description }),
    ApiProperty({ required: false, pattern: pattern.source }),
    Matches(pattern, { message: `must be a quantity, as in ${example}` }),
  );
}
