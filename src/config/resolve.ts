import type { ConfigContent } from './config_text.ts';
import { parseSettingText } from './setting_text.ts';
import { SETTING_NAMES, type SettingName, type SettingValue, settingOf, variableOf } from './settings.ts';

export type Origin = 'flag' | 'environment' | 'file' | 'default';

/** A value in force, and where it comes from. */
export interface Resolved<N extends SettingName = SettingName> {
  readonly value: SettingValue<N>;
  readonly origin: Origin;
  /** `--web`, `CAUSEWAY_WEB_ADDRESS` or `config.yaml:3:5`; empty for a default. */
  readonly from: string;
}

export type ResolvedSettings = { readonly [N in SettingName]: Resolved<N> };

/** Where values come from; what stands first in {@link Origin} counts. */
export interface SettingSources {
  /** By name, as values. */
  readonly flags: ReadonlyMap<SettingName, unknown>;
  /** By variable, as text. */
  readonly environment: ReadonlyMap<string, string>;
  readonly file: { readonly path: string; readonly content: ConfigContent } | null;
}

/** Every setting with its value. CW_CONFIG where a variable has none that fits. */
export function resolveSettings(sources: SettingSources): ResolvedSettings {
  return Object.fromEntries(SETTING_NAMES.map((name) => [name, resolve(name, sources)])) as ResolvedSettings;
}

function resolve(name: SettingName, { flags, environment, file }: SettingSources): Resolved {
  const { flag } = settingOf(name);
  if (flags.has(name)) return resolved(flags.get(name), 'flag', flag ?? '');
  const variable = variableOf(name);
  const text = environment.get(variable);
  if (text !== undefined) return resolved(parseSettingText(name, text, variable), 'environment', variable);
  const entry = file?.content.entries.get(name);
  if (file && entry) return resolved(entry.value, 'file', `${file.path}:${entry.line}:${entry.column}`);
  return resolved(settingOf(name).default, 'default', '');
}

function resolved(value: unknown, origin: Origin, from: string): Resolved {
  return { value: value as Resolved['value'], origin, from };
}
