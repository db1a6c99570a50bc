import { CausewayError } from '../../base/errors.ts';
import {
  hasSystemd,
  readUnit,
  removeUnit,
  systemctl,
  thisProgram,
  unitPath,
  writeUnit,
} from '../../world/node/service_manager.ts';
import { configFileOf } from '../config_place.ts';
import type { Context } from '../program.ts';
import { UNIT_MARK, UNIT_NAME, unitText } from '../service_unit.ts';

interface Plan {
  readonly path: string;
  /** What the file becomes; null: it is removed. */
  readonly text: string | null;
  readonly before: readonly (readonly string[])[];
  readonly after: readonly (readonly string[])[];
}

/** `causeway up --install-service` and `--uninstall-service`, with `--user` and `--dry-run`. */
export async function changeService(context: Context, options: Record<string, unknown>): Promise<number> {
  const { terminal, json } = context;
  const user = options['user'] === true;
  const isDryRun = options['dryRun'] === true;
  const plan = await planOf(context, options, user);
  if (json) terminal.out(`${JSON.stringify({ ...plan, isDryRun })}\n`);
  else terminal.out(planText(plan));
  if (isDryRun) return 0;
  if (!hasSystemd(user)) throw withoutSystemd(user);
  for (const args of plan.before) systemctl(args);
  if (plan.text === null) removeUnit(plan.path);
  else writeUnit(plan.path, plan.text);
  for (const args of plan.after) systemctl(args);
  if (!json) terminal.out(plan.text === null ? 'removed\n' : 'installed and started\n');
  return 0;
}

async function planOf(context: Context, options: Record<string, unknown>, user: boolean): Promise<Plan> {
  const path = unitPath(UNIT_NAME, user);
  const scope = user ? ['--user'] : [];
  const reload = [...scope, 'daemon-reload'];
  const there = readUnit(path);
  if (there !== null && !there.startsWith(UNIT_MARK))
    throw new CausewayError('CW_USAGE', `${path} is not of this program: move it away first`);
  if (options['uninstallService'] === true) {
    if (there === null) throw new CausewayError('CW_USAGE', `there is no ${path}`);
    return { path, text: null, before: [[...scope, 'disable', '--now', UNIT_NAME]], after: [reload] };
  }
  const named = options['config'] as string | undefined;
  const configFile = named === undefined ? null : (await configFileOf(context, named)).path;
  const text = unitText({
    program: thisProgram(),
    dataDirectory: context.dataDirectory,
    configFile,
    user,
  });
  const start = there === null ? [] : [[...scope, 'restart', UNIT_NAME]];
  return { path, text, before: [], after: [reload, [...scope, 'enable', '--now', UNIT_NAME], ...start] };
}

function planText({ path, text, before, after }: Plan): string {
  const commands = (list: Plan['before']) =>
    list.map((args) => `run:    systemctl ${args.join(' ')}\n`).join('');
  const file = text === null ? `remove: ${path}\n` : `write:  ${path}\n\n${text}\n`;
  return `${commands(before)}${file}${commands(after)}`;
}

function withoutSystemd(user: boolean): CausewayError {
  const where = user ? 'there is no systemd session of this user' : 'systemd does not run this machine';
  return new CausewayError(
    'CW_UNSUPPORTED',
    `${where}: nothing was changed; with another service manager, have it run \`causeway up\` in the foreground`,
  );
}
