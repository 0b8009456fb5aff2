/** What a setting's value must be. */
export type SettingRule =
  | { type: 'integer'; min: number; max: number; nullable?: true }
  | { type: 'boolean' }
  | { type: 'integers'; min: number; max: number; maxItems: number }
  | { type: 'urlTemplate'; nullable: true };

interface SettingDefinition<T> {
  default: T;
  rule: SettingRule;
  description: string;
}

const integer = (
  fallback: number,
  min: number,
  max: number,
  description: string,
): SettingDefinition<number> => ({
  default: fallback,
  rule: { type: 'integer', min, max },
  description,
});

/** Every setting with its default (api.md, Analytics, audit, settings). The database holds only those that were changed. */
export const settingList = {
  'access.defaultDays': integer(30, 1, 3650, 'Days of access of a client who is created without an end.'),
  'access.maxDaysAhead': integer(
    365,
    1,
    3650,
    'The ceiling: no access window may end later than so many days from now.',
  ),
  'renewal.maxDays': integer(90, 1, 3650, 'The most days that a client may ask for at once.'),
  'renewal.autoApproveDays': integer(
    0,
    0,
    3650,
    'Renewals up to so many days are approved by themselves; 0: none.',
  ),
  'renewal.autoApproveTimes': integer(1, 0, 1000, 'How often per client, until a person next decides one.'),
  'reminder.daysBefore': {
    default: [7, 1],
    rule: { type: 'integers', min: 1, max: 365, maxItems: 10 },
    description: 'How many days before its end a client is reminded.',
  } as SettingDefinition<number[]>,
  'session.accessMinutes': integer(15, 1, 1440, 'Life of an access token.'),
  'session.refreshDays': integer(14, 1, 365, 'A session ends when it is not used for so long.'),
  'session.absoluteDays': integer(
    30,
    1,
    365,
    'A session ends so long after the sign-in, however it is used.',
  ),
  'auth.lockAfter': integer(10, 1, 1000, 'Failed sign-ins after which an e-mail is locked.'),
  'auth.lockMinutes': integer(15, 1, 1440, 'How long it is locked.'),
  'auth.requireTotp': {
    default: false,
    rule: { type: 'boolean' },
    description: 'Users must set up a second factor before they can do anything else.',
  } as SettingDefinition<boolean>,
  'invitation.days': integer(7, 1, 90, 'How long an invitation can be accepted.'),
  'passwordReset.minutes': integer(60, 5, 1440, 'How long a password-reset link works.'),
  'demoSession.activationMinutes': integer(
    5,
    1,
    1440,
    'A demo session ends when it is not activated within so long.',
  ),
  'demoSession.idleMinutes': integer(30, 1, 1440, 'A demo session ends so long after its last heartbeat.'),
  'demoSession.maxMinutes': integer(480, 1, 10080, 'The maximum age of a demo session.'),
  'demoSession.maxLivePerClient': integer(5, 1, 10_000, 'Live demo sessions that one client may have.'),
  'demoSession.maxLivePerDemo': integer(50, 1, 10_000, 'Live demo sessions that one demo may have.'),
  'demoSession.maxLive': integer(500, 1, 100_000, 'Live demo sessions in all.'),
  'launch.containerUrlTemplate': {
    default: null,
    rule: { type: 'urlTemplate', nullable: true },
    description:
      'Address of a container demo, with {slug} and {demoSessionId}; without it none can be launched.',
  } as SettingDefinition<string | null>,
  'retention.usageEventDays': {
    default: null,
    rule: { type: 'integer', min: 1, max: 36_500, nullable: true },
    description: 'Usage events older than this are removed; null: kept.',
  } as SettingDefinition<number | null>,
  'retention.signInDays': integer(
    90,
    1,
    3650,
    'Ended sessions and sign-in counters older than this are removed.',
  ),
  'log.slowQueryMs': integer(200, 1, 600_000, 'A query that takes longer is logged.'),
};

export type SettingKey = keyof typeof settingList;
export type SettingValue<K extends SettingKey> = (typeof settingList)[K]['default'];
