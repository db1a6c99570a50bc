import type { SettingView } from '../../contract/config_schemas.ts';

/** Settings that take one of a few words. */
export const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'audit.shareReads': ['first', 'all', 'off'],
  'copies.direct': ['auto', 'always', 'never'],
  'copies.undo': ['auto', 'off', 'require'],
};

/** A value as it is typed; lists with commas. */
export function textOf(value: SettingView['value']): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** Whether what is stored in the file counts: a flag or the environment goes before it. */
export function isOverridden({ origin }: SettingView): boolean {
  return origin === 'flag' || origin === 'environment';
}
