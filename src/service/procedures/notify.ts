import type { AddNotifierRequest } from '../../contract/notify_schemas.ts';
import { param } from '../caller.ts';
import type { Procedure } from '../procedure.ts';

const subject: Procedure['subject'] = (_parts, call) => `notifier:${param(call, 'name')}`;

/** Who is told when something goes wrong. What is secret of a receiver is in no record. */
export const NOTIFY_PROCEDURES = {
  listNotifiers: { act: async ({ notifiers }) => notifiers.views() },
  addNotifier: {
    subject: (_parts, { body }) => `notifier:${(body as AddNotifierRequest).name}`,
    details: ({ body }) => {
      const { url, command, events } = body as AddNotifierRequest;
      return {
        kind: command === undefined ? 'webhook' : 'command',
        target: (command?.[0] ?? serverOf(url)).slice(0, 4_096),
        ...(events !== undefined && { events: events.join(' ') }),
      };
    },
    act: ({ notifiers }, { body }) => notifiers.add(body as AddNotifierRequest),
  },
  removeNotifier: {
    subject,
    act: async ({ notifiers }, call) => {
      await notifiers.remove(param(call, 'name'));
      return {};
    },
  },
  testNotifier: { subject, act: ({ notifiers }, call) => notifiers.test(param(call, 'name')) },
} satisfies Record<string, Procedure>;

/** The path of a webhook, and what stands behind it, may be secret. */
function serverOf(url: string | undefined): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : '';
}
