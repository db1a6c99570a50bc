import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type { ConfigFile } from '../../config/config_file.ts';
import { parseConfigText, problemLines } from '../../config/config_text.ts';
import { parseSettingName, showSetting } from '../../config/setting_text.ts';
import type { ConfigView, SettingView } from '../../contract/config_schemas.ts';
import { changeConfigFile, DaemonSettings, problemOf } from '../../host/daemon_settings.ts';
import { configFileOf, variables } from '../config_place.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';

type Options = Record<string, unknown>;

/** `causeway config show` */
export const configShow: Action = async (context, _args, options) => {
  const { terminal, json } = context;
  const { view, isRunning } = await look(context, options);
  if (json) {
    terminal.out(`${JSON.stringify({ ...view, isRunning })}\n`);
    return 0;
  }
  const withOrigin = options['origin'] === true;
  const rows = view.settings.map((one) => [
    one.name,
    showSetting(one.value),
    ...(withOrigin ? [one.from === '' ? one.origin : `${one.origin} (${one.from})`] : []),
  ]);
  terminal.out(`${table([['SETTING', 'VALUE', ...(withOrigin ? ['FROM'] : [])], ...rows])}\n`);
  for (const one of view.settings) terminal.out(pendingText(one));
  if (!isRunning) terminal.err('no daemon runs: this is what it would have now\n');
  return 0;
};

/** `causeway config get NAME` */
export const configGet: Action = async (context, args, options) => {
  const name = parseSettingName(args[0]!);
  const { view } = await look(context, options);
  const found = settingIn(view, name);
  context.terminal.out(`${context.json ? JSON.stringify(found) : showSetting(found.value)}\n`);
  return 0;
};

/** `causeway config set NAME VALUE` */
export const configSet: Action = (context, args, options) => change(context, args[0]!, args[1]!, options);

/** `causeway config unset NAME` */
export const configUnset: Action = (context, args, options) => change(context, args[0]!, null, options);

/** `causeway config check [FILE]` */
export const configCheck: Action = async (context, args, options) => {
  const { terminal, json } = context;
  const file = await configFileOf(context, args[0] ?? named(options));
  const { entries, problems } = parseConfigText((await file.read()) ?? '', problemOf);
  if (json) {
    const settings = Object.fromEntries([...entries].map(([name, { value }]) => [name, value]));
    terminal.out(`${JSON.stringify({ file: file.path, problems, settings })}\n`);
  } else if (problems.length > 0) terminal.err(`${problemLines(file.path, problems).join('\n')}\n`);
  else terminal.out(`${file.path}: ${entries.size} settings, nothing wrong\n`);
  return problems.length > 0 ? 2 : 0;
};

/** `causeway config reload` */
export const configReload: Action = async ({ client, terminal, json }) => {
  const view = await client.call('reloadConfig', {});
  if (json) terminal.out(`${JSON.stringify(view)}\n`);
  else terminal.out(`read again: ${view.file}\n${view.settings.map(pendingText).join('')}`);
  return 0;
};

async function change(
  context: Context,
  text: string,
  value: string | null,
  options: Options,
): Promise<number> {
  const { terminal, json, client } = context;
  const name = parseSettingName(text);
  const file = await configFileOf(context, named(options));
  const isTaken = (await runningView(context, file)) !== null;
  if (isTaken) await client.call('setConfig', {}, { name, ...(value !== null && { value }) });
  else await changeConfigFile(file, name, value);
  const { view, isRunning } = await look(context, options);
  const found = settingIn(view, name);
  if (json) {
    terminal.out(`${JSON.stringify({ ...found, file: file.path, isRunning })}\n`);
    return 0;
  }
  terminal.out(`${name}: ${showSetting(found.value)}\n${pendingText(found)}`);
  if (found.origin === 'flag' || found.origin === 'environment')
    terminal.err(`${found.from} stands before what the file says\n`);
  return 0;
}

/** What the daemon has where it runs with this file, else what it would have. */
async function look(context: Context, options: Options): Promise<{ view: ConfigView; isRunning: boolean }> {
  const file = await configFileOf(context, named(options));
  const running = await runningView(context, file);
  if (running !== null) return { view: running, isRunning: true };
  const environment = variables(context.terminal.env);
  const settings = await DaemonSettings.open({ file, flags: new Map(), environment });
  return { view: settings.view(), isRunning: false };
}

async function runningView({ client }: Context, file: ConfigFile): Promise<ConfigView | null> {
  try {
    const view = await client.call('showConfig', {});
    return file.isNamed && view.file !== file.path ? null : view;
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DAEMON_DOWN') return null;
    throw failure;
  }
}

function settingIn(view: ConfigView, name: string): SettingView {
  const found = view.settings.find((one) => one.name === name);
  if (found) return found;
  throw new CausewayError('CW_CONFIG', `the running daemon has no setting ${name}`);
}

function pendingText({ name, next }: SettingView): string {
  return next === null ? '' : `${name}: ${showSetting(next)} after a restart of the daemon\n`;
}

function named(options: Options): string | undefined {
  return options['config'] === undefined ? undefined : String(options['config']);
}
