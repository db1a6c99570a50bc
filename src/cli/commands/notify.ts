import { CausewayError } from '../../base/errors.ts';
import { formatUtcMinute } from '../../base/utc.ts';
import { NOTIFY_EVENTS } from '../../contract/notify_events.ts';
import type { NotifierView, NotifyEventName } from '../../contract/notify_schemas.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

/** `causeway notify add NAME --webhook URL` and `causeway notify add NAME -- PROGRAM ARG…` */
export const notifyAdd: Action = async ({ client, terminal, json }, [name = '', ...command], options) => {
  const url = options['webhook'] as string | undefined;
  const permit = options['permit'] as string[] | undefined;
  const events = (options['event'] as string[] | undefined)?.map(eventOf);
  const added = await client.call(
    'addNotifier',
    {},
    {
      name,
      ...(url !== undefined && { url }),
      ...(command.length > 0 && { command }),
      ...(events && { events: [...new Set(events)] }),
      ...(permit && { permit }),
    },
  );
  if (json) terminal.out(`${JSON.stringify(added)}\n`);
  else if (added.secret === null) terminal.err(`${name} runs ${added.notifier.target}\n`);
  else {
    terminal.err('Notifications are signed with this secret. It is shown this once:\n');
    terminal.out(`${added.secret}\n`);
  }
  return 0;
};

/** `causeway notify ls` */
export const notifyList: Action = async ({ client, terminal, json }) => {
  const receivers = await client.call('listNotifiers', {});
  const head = ['NAME', 'TO', 'OF', 'DELIVERED', 'FAILED', 'WAITING', 'LAST', 'ERROR'];
  if (json) terminal.out(`${JSON.stringify(receivers)}\n`);
  else if (receivers.length === 0) terminal.out('Nobody is told: causeway notify add NAME --help\n');
  else terminal.out(`${table([head, ...receivers.map(row)])}\n`);
  return 0;
};

/** `causeway notify test NAME` */
export const notifyTest: Action = async ({ client, terminal, json }, [name = '']) => {
  const view = await client.call('testNotifier', { name });
  terminal.out(json ? `${JSON.stringify(view)}\n` : `${name} has taken it\n`);
  return 0;
};

/** `causeway notify rm NAME` */
export const notifyRemove: Action = async ({ client, terminal, json }, [name = '']) => {
  await client.call('removeNotifier', { name });
  if (json) terminal.out(`${JSON.stringify({ removed: name })}\n`);
  return 0;
};

function eventOf(text: string): NotifyEventName {
  const known = NOTIFY_EVENTS.find((event) => event === text);
  if (known === undefined)
    throw new CausewayError('CW_USAGE', `--event ${text}: one of ${NOTIFY_EVENTS.join(', ')} is needed`);
  return known;
}

function row(view: NotifierView): string[] {
  const { name, target, events, delivered, failed, queued, lastDeliveredAtMs, error } = view;
  const last = lastDeliveredAtMs === null ? 'never' : formatUtcMinute(lastDeliveredAtMs);
  const of = events.length === NOTIFY_EVENTS.length ? 'all' : events.join(' ');
  return [name, target, of, `${delivered}`, `${failed}`, `${queued}`, last, error?.message ?? ''];
}
