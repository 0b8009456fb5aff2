import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { changes } from '../audit/changes.js';
import { Clock } from '../common/clock.js';
import { requireMatch, versionMismatch } from '../common/etag.js';
import { invalid, notFound } from '../common/problem.js';
import { prepare } from '../database/sql.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { type SettingKey, settingList, type SettingValue } from './setting-list.js';
import { settingFault } from './settings.rules.js';
import type { SettingDto } from './settings.dto.js';

interface Row {
  key: string;
  value: unknown;
  version: number;
}

const one = prepare<Row>(
  'setting',
  'SELECT "key", "value", "version" FROM "system_config" WHERE "key" = :key',
  { value: 'json' },
);
const all = prepare<Row>('settings', 'SELECT "key", "value", "version" FROM "system_config"', {
  value: 'json',
});
// One statement for the first change and the later ones. A release that does not hold settings may run beside this one.
const put = prepare<never>(
  'setting-put',
  `INSERT INTO "system_config" ("key", "value", "version", "created_at", "updated_at")
   VALUES (:key, :value, :version + 1, :now, :now)
   ON CONFLICT ("key") DO UPDATE
   SET "value" = excluded."value", "version" = excluded."version", "updated_at" = excluded."updated_at"
   WHERE "system_config"."version" = :version`,
);
/** The key of PostgreSQL's advisory lock on all settings. */
const SETTINGS_LOCK = 7_302_120;

/** Reads and changes settings. Nothing is cached: a change binds the next call on every replica. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Returns the value of a setting: as it was set, or its default. */
  async get<K extends SettingKey>(key: K): Promise<SettingValue<K>> {
    const row = await this.uow.get(one, { key });
    return (row ? row.value : settingList[key].default) as SettingValue<K>;
  }

  /** Returns the values of several settings, by one query. */
  async values<K extends SettingKey>(...keys: K[]): Promise<{ [Key in K]: SettingValue<Key> }> {
    const rows = new Map((await this.uow.all(all)).map((row) => [row.key, row]));
    const valueOf = (key: K): unknown => (rows.has(key) ? rows.get(key)?.value : settingList[key].default);
    return Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as { [Key in K]: SettingValue<Key> };
  }

  /** Returns every setting, in the order of the list. */
  async list(): Promise<SettingDto[]> {
    const rows = new Map((await this.uow.all(all)).map((row) => [row.key, row]));
    return (Object.keys(settingList) as SettingKey[]).map((key) => toSettingDto(key, rows.get(key)));
  }

  /**
   * Sets a value; the one that holds already changes nothing.
   * @param key as the caller has given it
   * @throws Problem `not-found` for an unknown key · `validation` naming `value` · `precondition-required` or
   *   `version-mismatch` (api.md, Conventions)
   */
  async change(key: string, value: unknown, ifMatch: string | undefined): Promise<SettingDto> {
    if (!isSettingKey(key)) throw notFound();
    const fault = settingFault(settingList[key].rule, value);
    if (fault) throw invalid('value', fault);
    return this.uow.run(async () => {
      const setting = await this.hold(key);
      requireMatch(setting.version, ifMatch);
      const change = changes({ value: setting.value }, { value });
      if (!change) return setting;
      const { version } = setting;
      const now = this.clock.now();
      const written = await this.uow.execute(put, { key, value: JSON.stringify(value), version, now });
      if (written === 0) throw versionMismatch();
      this.audit.record({ action: 'setting.changed', entityType: 'setting', entityId: key, ...change });
      return toSettingDto(key, { value, version: version + 1 });
    });
  }

  /**
   * Reads a setting and holds all settings for the rest of the unit: of two changes at once the later sees the
   * earlier. There may be no row to hold yet.
   */
  private async hold(key: SettingKey): Promise<SettingDto> {
    if (this.uow.dialect === 'postgres')
      await this.uow.query(`SELECT pg_advisory_xact_lock(${SETTINGS_LOCK})`);
    return toSettingDto(key, await this.uow.get(one, { key }));
  }
}

function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settingList, key);
}

function toSettingDto(key: SettingKey, row: Pick<Row, 'value' | 'version'> | undefined): SettingDto {
  const { default: fallback, description } = settingList[key];
  return {
    key,
    value: row ? row.value : fallback,
    default: fallback,
    version: row?.version ?? 1,
    description,
  };
}
