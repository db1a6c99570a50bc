import { AllowList } from '../access/guard/allow_list.ts';
import { parseHostPort } from '../base/address.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { editConfigText } from '../config/config_edit.ts';
import type { ConfigFile } from '../config/config_file.ts';
import { type ConfigContent, parseConfigText, problemLines } from '../config/config_text.ts';
import { type Resolved, type ResolvedSettings, resolveSettings } from '../config/resolve.ts';
import { parseSettingName, parseSettingText } from '../config/setting_text.ts';
import { SETTING_NAMES, type SettingName, type SettingValue, settingOf } from '../config/settings.ts';
import type { ConfigView, SettingView } from '../contract/config_schemas.ts';
import type { StartJobRequest } from '../contract/schemas.ts';

export interface SettingsParts {
  /** Null: there is no file, and nothing can be set. */
  readonly file: ConfigFile | null;
  readonly flags: ReadonlyMap<SettingName, unknown>;
  readonly environment: ReadonlyMap<string, string>;
}

/** The settings of a daemon: what is in force, what the next start brings, and their change while it runs. */
export class DaemonSettings {
  readonly #parts: SettingsParts;
  readonly #watchers = new Set<() => void>();
  #now: ResolvedSettings;
  #next: ResolvedSettings;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: SettingsParts, resolved: ResolvedSettings) {
    this.#parts = parts;
    this.#now = resolved;
    this.#next = resolved;
  }

  /** Reads the file. CW_CONFIG with all that is wrong, CW_DISK_*. */
  static async open(parts: SettingsParts): Promise<DaemonSettings> {
    return new DaemonSettings(parts, await resolveNow(parts));
  }

  /** Without file, flags and environment. */
  static defaults(): DaemonSettings {
    const parts = { file: null, flags: new Map(), environment: new Map() };
    return new DaemonSettings(parts, resolveSettings(parts));
  }

  get<N extends SettingName>(name: N): SettingValue<N> {
    return this.#now[name].value as SettingValue<N>;
  }

  origin(name: SettingName): Resolved['origin'] {
    return this.#now[name].origin;
  }

  /** Calls `watcher` now, and after each change. */
  watch(watcher: () => void): void {
    this.#watchers.add(watcher);
    watcher();
  }

  copyDefaults(): Pick<StartJobRequest, 'compress' | 'direct' | 'undo'> {
    const compress = this.get('copies.compress');
    const undo = this.get('copies.undo');
    const direct = this.get('copies.direct');
    return {
      ...(compress !== 'auto' && { compress }),
      ...(direct !== 'auto' && { direct }),
      ...(undo !== 'auto' && { undo }),
    };
  }

  view(): ConfigView {
    return {
      file: this.#parts.file?.path ?? '',
      settings: SETTING_NAMES.map((name) => this.#viewOf(name)),
    };
  }

  reload(): Promise<ConfigView> {
    return this.#inTurn(async () => {
      this.#take(await resolveNow(this.#parts));
      return this.view();
    });
  }

  set(name: string, text: string | null): Promise<ConfigView> {
    return this.#inTurn(async () => {
      const { file } = this.#parts;
      if (file === null) throw new CausewayError('CW_CONFIG', 'this daemon runs without a config file');
      await changeConfigFile(file, name, text);
      this.#take(await resolveNow(this.#parts));
      return this.view();
    });
  }

  #take(next: ResolvedSettings): void {
    const live = SETTING_NAMES.map((name) => [
      name,
      settingOf(name).applies === 'at once' ? next[name] : this.#now[name],
    ]);
    this.#next = next;
    this.#now = Object.fromEntries(live) as ResolvedSettings;
    for (const watcher of this.#watchers) watcher();
  }

  /** Two changes at a time would each write what it read. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // whoever asked for it learns of the failure
    return result;
  }

  #viewOf(name: SettingName): SettingView {
    const { value, origin, from } = this.#now[name];
    const { applies, takes, why, default: usual } = settingOf(name);
    const next = this.#next[name].value;
    const isSame = JSON.stringify(next) === JSON.stringify(value);
    return {
      name,
      value: value as SettingView['value'],
      origin,
      from,
      default: usual as SettingView['default'],
      next: isSame ? null : (next as SettingView['value']),
      applies,
      takes,
      why,
    };
  }
}

/** The content of a config file. CW_CONFIG with all that is wrong, one a line; CW_DISK_*. */
export async function readConfig(file: ConfigFile): Promise<{ text: string; content: ConfigContent }> {
  const text = (await file.read()) ?? '';
  const content = parseConfigText(text, problemOf);
  if (content.problems.length > 0)
    throw new CausewayError('CW_CONFIG', problemLines(file.path, content.problems).join('\n'));
  return { text, content };
}

/** Changes one setting in the file, or takes it out with null. CW_CONFIG, CW_LIMIT, CW_DISK_*; then the file is as it was. */
export async function changeConfigFile(file: ConfigFile, named: string, text: string | null): Promise<void> {
  const name = parseSettingName(named);
  const value = text === null ? undefined : parseSettingText(name, text, name);
  const why = value === undefined ? null : problemOf(name, value);
  if (why !== null) throw new CausewayError('CW_CONFIG', why);
  const before = await readConfig(file);
  const edited = editConfigText(before.text, name, value);
  const { problems } = parseConfigText(edited, problemOf);
  if (problems.length > 0) throw new CausewayError('CW_CONFIG', problemLines(file.path, problems).join('\n'));
  if (edited !== before.text) await file.write(edited);
}

/** What no schema says: that ports are ports, and networks are networks. */
export function problemOf(name: SettingName, value: unknown): string | null {
  try {
    if (name === 'web.allowNetworks') new AllowList(value as string[]);
    else if (/[aA]ddress$/.test(name) && value !== 'off')
      parseHostPort(String(value).replace(/^https:\/\//, ''), name, 'listen');
    return null;
  } catch (failure) {
    return asCausewayError(failure).message;
  }
}

async function resolveNow({ file, flags, environment }: SettingsParts): Promise<ResolvedSettings> {
  const content = file === null ? null : (await readConfig(file)).content;
  const resolved = resolveSettings({
    flags,
    environment,
    file: file && content && { path: file.path, content },
  });
  for (const name of SETTING_NAMES) {
    const { value, from } = resolved[name];
    const why = from === '' ? null : problemOf(name, value);
    if (why !== null) throw new CausewayError('CW_CONFIG', `${from}: ${why}`);
  }
  return resolved;
}
