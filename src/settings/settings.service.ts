import { Injectable } from '@nestjs/common';
import { prepare } from '../database/sql.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { type SettingKey, settingList, type SettingValue } from './setting-list.js';

const one = prepare<{ value: unknown }>('setting', 'SELECT "value" FROM "system_config" WHERE "key" = :key', {
  value: 'json',
});

/** Reads settings. Nothing is cached: a change binds the next call on every replica. */
@Injectable()
export class SettingsService {
  constructor(private readonly uow: UnitOfWork) {}

  /** Returns the value of a setting: as it was set, or its default. */
  async get<K extends SettingKey>(key: K): Promise<SettingValue<K>> {
    const row = await this.uow.get(one, { key });
    return (row ? row.value : settingList[key].default) as SettingValue<K>;
  }
}
