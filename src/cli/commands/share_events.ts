import { CausewayError, fromReport } from '../../base/errors.ts';
import type { ShareEventView } from '../../contract/share_event_schemas.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';

/** `causeway share events NAME` */
export const shareEvents: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const { interrupted } = terminal;
  const since = options['since'];
  const from = since === undefined ? null : parseCount(String(since), '--since', Number.MAX_SAFE_INTEGER, 0);
  for await (const event of client.shareEvents(name, from, interrupted)) {
    if (json) terminal.out(`${JSON.stringify(event)}\n`);
    else if (event.path === null) terminal.err(`${stateText(event)}\n`);
    else terminal.out(`${eventText(event)}\n`);
    if (event.kind === 'end' && event.error !== null) throw fromReport(event.error);
  }
  if (interrupted.aborted) return 130;
  throw new CausewayError(
    'CW_DAEMON_DOWN',
    'the daemon ended the stream; with --since and the last index it goes on',
  );
};

/** Index, kind and path, with a tab between; names as JSON where they could be taken for something else. */
function eventText({ index, kind, path, from, type }: ShareEventView): string {
  const shown = `${plain(path ?? '')}${type === 'directory' ? '/' : ''}`;
  return [index, kind, ...(from === null ? [] : [plain(from)]), shown].join('\t');
}

function plain(name: string): string {
  return /[\p{C}"]/u.test(name) ? JSON.stringify(name) : name;
}

function stateText({ index, kind, state, error }: ShareEventView): string {
  const why = error === null ? '' : `: ${error.message} (${error.code})`;
  if (kind === 'overflow') return `${index}: changes were missed; what differs follows`;
  if (state === 'watched') return `${index}: watched`;
  if (state === 'rescanned') return `${index}: everything is looked at again and again${why}`;
  return `${index}: ${state === 'gone' ? 'the folder is not there' : 'the end'}${why}`;
}
