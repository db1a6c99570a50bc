import { asCausewayError } from '../base/errors.ts';

/*
 * `causeway status` is what scripts and people ask again and again. All commands with their options take as long to set up as
 * the answer to it, so that its plain forms run without them.
 */

interface Words {
  readonly json: boolean;
  readonly data: string | undefined;
}

/** Runs a command line that is `status` with nothing but `--json` and `--data`; null for any other one. */
export async function runShort(argv: readonly string[]): Promise<number | null> {
  const words = statusWords(argv);
  if (words === null) return null;
  const [{ contextOf, report }, { status }] = await Promise.all([
    import('./context.ts'),
    import('./commands/status.ts'),
  ]);
  const { processTerminal } = await import('../world/node/terminal.ts');
  const terminal = processTerminal();
  try {
    return await status(contextOf(terminal, words.data ?? terminal.env['CAUSEWAY_DATA'], words.json), [], {});
  } catch (failure) {
    return report(terminal, asCausewayError(failure), words.json);
  }
}

/** What stands beside `status`; null where it is for the whole command line to understand. */
export function statusWords(argv: readonly string[]): Words | null {
  let isStatus = false;
  let json = false;
  let data: string | undefined;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at]!;
    const value = argv[at + 1];
    if (word === 'status' && !isStatus) isStatus = true;
    else if (word === '--json') json = true;
    else if (word === '--data' && value !== undefined && !value.startsWith('-')) {
      data = value;
      at += 1;
    } else return null;
  }
  return isStatus ? { json, data } : null;
}
