import { type Command, Option } from 'commander';
import type { Add } from './add_command.ts';

/** `--config FILE` */
export function configOption(): Option {
  return new Option('--config <file>', 'config file (default: config.yaml in the data directory)').env(
    'CAUSEWAY_CONFIG',
  );
}

/** The settings of the daemon. */
export function addConfigCommands(program: Command, add: Add): void {
  const config = program.command('config').description('settings of the daemon');
  const load = () => import('./commands/config.ts');
  add(
    config,
    'show',
    'list all settings with the values in force',
    'causeway config show --origin',
    async () => (await load()).configShow,
  )
    .option('--origin', 'also where each value comes from')
    .addOption(configOption());
  add(
    config,
    'get <name>',
    'print the value of one setting',
    'causeway config get web.address',
    async () => (await load()).configGet,
  ).addOption(configOption());
  add(
    config,
    'set <name> <value>',
    'change one setting in the config file; a running daemon takes it over, or says that it needs a restart',
    'causeway config set sessions.idleMinutes 30',
    async () => (await load()).configSet,
  ).addOption(configOption());
  add(
    config,
    'unset <name>',
    'take one setting out of the config file',
    'causeway config unset sessions.idleMinutes',
    async () => (await load()).configUnset,
  ).addOption(configOption());
  add(
    config,
    'check [file]',
    'look for mistakes in a config file; exit code 2 where there are any',
    'causeway config check ./config.yaml',
    async () => (await load()).configCheck,
  ).addOption(configOption());
  add(
    config,
    'reload',
    'have the running daemon read its config file again; so does SIGHUP',
    'causeway config reload',
    async () => (await load()).configReload,
  );
}
