import { joinAbsolute, resolveAbsolute } from '../base/path.ts';
import { ConfigFile } from '../config/config_file.ts';
import { targetOfLinks } from '../world/node/named_text.ts';
import { createNodeWorld } from '../world/node/world.ts';
import type { Context } from './program.ts';

const FILE_NAME = 'config.yaml';

/** The config file that `--config` or CAUSEWAY_CONFIG names, else the one in the data directory. CW_DISK_*. */
export async function configFileOf(
  { terminal, dataDirectory }: Context,
  named: string | undefined,
): Promise<ConfigFile> {
  const { disk } = createNodeWorld();
  if (named === undefined) return new ConfigFile(disk, joinAbsolute(dataDirectory, FILE_NAME), false);
  return new ConfigFile(disk, await targetOfLinks(resolveAbsolute(terminal.cwd, named)), true);
}

/** The variables of the environment, as far as they are set. */
export function variables(env: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
