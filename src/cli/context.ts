import type { CausewayError } from '../base/errors.ts';
import { resolveAbsolute } from '../base/path.ts';
import { defaultDataDirectory } from '../world/node/data_directory.ts';
import { DaemonClient } from './client.ts';
import type { Terminal } from './terminal.ts';

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly dataDirectory: string;
  readonly client: DaemonClient;
}

/** `data` as the user named it; undefined for the usual place. */
export function contextOf(terminal: Terminal, data: string | undefined, json: boolean): Context {
  const dataDirectory = data === undefined ? defaultDataDirectory() : resolveAbsolute(terminal.cwd, data);
  return { terminal, json, dataDirectory, client: new DaemonClient(dataDirectory) };
}

/** Tells why a command failed; its exit code. */
export function report(terminal: Terminal, error: CausewayError, json: boolean): number {
  if (json) terminal.out(`${JSON.stringify({ error: error.report() })}\n`);
  else terminal.err(`causeway: ${error.message}\n  ${error.help}\n  (${error.code})\n`);
  return error.exit;
}
