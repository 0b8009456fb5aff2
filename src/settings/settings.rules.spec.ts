import { type SettingRule, settingList } from './setting-list.js';
import { settingFault } from './settings.rules.js';

const days: SettingRule = { type: 'integer', min: 1, max: 30 };
const maybeDays: SettingRule = { ...days, nullable: true };
const flag: SettingRule = { type: 'boolean' };
const list: SettingRule = { type: 'integers', min: 1, max: 30, maxItems: 3 };
const template: SettingRule = { type: 'urlTemplate', nullable: true };

describe('settingFault', () => {
  it.each<[SettingRule, unknown]>([
    [days, 1],
    [days, 30],
    [maybeDays, null],
    [flag, false],
    [list, []],
    [list, [7, 1, 30]],
    [template, null],
    [template, 'https://{slug}.demos.example.com/s/{demoSessionId}'],
    [template, 'http://demos.example.com'],
  ])('%j takes %j', (rule, value) => {
    expect(settingFault(rule, value)).toBeUndefined();
  });

  it.each<[SettingRule, unknown]>([
    [days, 0],
    [days, 31],
    [days, 1.5],
    [days, '7'],
    [days, true],
    [days, [7]],
    [days, null],
    [days, {}],
    [flag, 0],
    [flag, 'true'],
    [flag, null],
    [list, 7],
    [list, [7, 7]],
    [list, [0]],
    [list, ['7']],
    [list, [null]],
    [list, [1, 2, 3, 4]],
    [template, ''],
    [template, 7],
    [template, 'ftp://demos.example.com/{slug}'],
    [template, 'javascript:alert(1)'],
    [template, 'https://user:pw@demos.example.com'],
    [template, 'https://demos.example.com/{unknown}'],
    [template, 'https://demos.example.com/{slug'],
    [template, 'https://demos.example.com/a b'],
    [template, `https://demos.example.com/${'a'.repeat(2000)}`],
  ])('%j refuses %j', (rule, value) => {
    expect(settingFault(rule, value)).toEqual(expect.stringMatching(/^must /));
  });

  it('takes every default', () => {
    for (const { rule, default: value } of Object.values(settingList))
      expect(settingFault(rule, value)).toBeUndefined();
  });
});
