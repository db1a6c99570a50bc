import type { Command } from 'commander';
import { type Add, several } from './add_command.ts';

/** Who is told when something goes wrong. */
export function addNotifyCommands(program: Command, add: Add): void {
  const notify = program
    .command('notify')
    .description('who is told of failed and stalled copies, lost links and a broken audit log');
  const load = () => import('./commands/notify.ts');
  add(
    notify,
    'add <name> [command...]',
    'add a receiver: a webhook, whose secret is printed this once, or, behind --, the absolute path of a program and its arguments',
    'causeway notify add pager --webhook https://example.com/hooks/42 --event job-failed',
    async () => (await load()).notifyAdd,
  )
    .option('--webhook <url>', 'where notifications are sent, signed')
    .option(
      '--event <event>',
      'job-failed, job-stalled, link-down or audit-broken; may be given several times (default: all)',
      several,
    )
    .option(
      '--permit <network>',
      'an address that the URL may lead to though it is link-local or serves metadata; may be given several times',
      several,
    );
  add(
    notify,
    'ls',
    'list receivers and how they fare',
    'causeway notify ls',
    async () => (await load()).notifyList,
  );
  add(
    notify,
    'test <name>',
    'send a notification that says that it is a test',
    'causeway notify test pager',
    async () => (await load()).notifyTest,
  );
  add(
    notify,
    'rm <name>',
    'forget a receiver',
    'causeway notify rm pager',
    async () => (await load()).notifyRemove,
  );
}
