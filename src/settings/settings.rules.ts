import { isWebUrl } from '../common/fields.js';
import type { SettingRule } from './setting-list.js';

/** What an address may hold in braces (api.md, Demos and images). */
const PLACEHOLDERS = /\{(?:slug|demoSessionId)\}/g;

/**
 * Tells what is wrong with a setting's value: undefined when nothing is. Each setting is judged by itself, so that
 * they can be changed in any order; where two meet (`session.refreshDays` and `session.absoluteDays`,
 * `access.defaultDays` and `access.maxDaysAhead`) the stricter one holds.
 */
export function settingFault(rule: SettingRule, value: unknown): string | undefined {
  if (value === null) return 'nullable' in rule ? undefined : 'must not be null';
  switch (rule.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'integer':
      return isWhole(value, rule) ? undefined : `must be a whole number from ${rule.min} to ${rule.max}`;
    case 'integers':
      return Array.isArray(value) &&
        value.length <= rule.maxItems &&
        new Set(value).size === value.length &&
        value.every((item) => isWhole(item, rule))
        ? undefined
        : `must be a list of at most ${rule.maxItems} different whole numbers from ${rule.min} to ${rule.max}`;
    case 'urlTemplate':
      return isUrlTemplate(value)
        ? undefined
        : 'must be an http or https address of at most 2000 characters, with no other placeholders than {slug} and {demoSessionId}';
  }
}

function isWhole(value: unknown, { min, max }: { min: number; max: number }): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function isUrlTemplate(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 2000) return false;
  const filled = value.replace(PLACEHOLDERS, 'x');
  return isWebUrl(filled) && !/[{}]/.test(filled);
}
