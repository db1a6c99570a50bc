import { Check } from 'typebox/value';
import { CausewayError } from '../base/errors.ts';
import { sizeOf } from '../base/units.ts';
import { nearestName } from './nearest_name.ts';
import { isSettingName, SETTING_NAMES, type SettingName, settingOf } from './settings.ts';

/** The setting of that name. CW_CONFIG with the nearest name. */
export function parseSettingName(text: string): SettingName {
  if (isSettingName(text)) return text;
  throw new CausewayError('CW_CONFIG', unknownText(text));
}

/** `web.adress` → what it may have been. */
export function unknownText(text: string): string {
  const nearest = nearestName(text, SETTING_NAMES);
  return `there is no setting ${text.slice(0, 100)}${nearest === null ? '' : `; is ${nearest} meant?`}`;
}

/** The value that a flag, a variable or a command line gives as text. CW_CONFIG, naming `from` and what is needed. */
export function parseSettingText(name: SettingName, text: string, from: string): unknown {
  const value = valueFrom(name, text.trim());
  if (fits(name, value)) return value;
  throw new CausewayError('CW_CONFIG', `${from} ${text.slice(0, 100)}: ${neededText(name)}`);
}

export function fits(name: SettingName, value: unknown): boolean {
  return Check(settingOf(name).schema, value);
}

export function neededText(name: SettingName): string {
  return `${settingOf(name).takes} is needed`;
}

/** As it is written in the config file and on a command line. */
export function showSetting(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : value.join(',');
  return String(value);
}

function valueFrom(name: SettingName, text: string): unknown {
  switch (settingOf(name).form) {
    case 'number':
      return numberOf(text);
    case 'level':
      return numberOf(text) ?? text;
    case 'size':
      return sizeOf(text) ?? text;
    case 'list':
      if (text === '' || text === '[]') return [];
      return text.split(/[\s,]+/).filter((item) => item !== '');
    default:
      return text;
  }
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
