import { computed } from '@preact/signals';
import { messages } from './language.ts';
import { me } from './session.ts';

/** What the console asks about, in the words of the daemon's rules. */
export type Action =
  | 'vm.add'
  | 'vm.discover'
  | 'vm.pair'
  | 'vm.change'
  | 'vm.remove'
  | 'vm.rotate'
  | 'job.start'
  | 'job.control'
  | 'job.undo'
  | 'file.list'
  | 'account.change'
  | 'mount.read'
  | 'share.read'
  | 'user.read'
  | 'user.change'
  | 'settings.read'
  | 'settings.change'
  | 'notify.read'
  | 'audit.read';

/** What may be done, for something at least. The daemon decides on each request by itself. */
const allowed = computed<ReadonlySet<string>>(() => {
  const { value } = me;
  return new Set(value === null || value === 'unknown' ? [] : value.actions);
});

export function may(action: Action): boolean {
  return allowed.value.has(action);
}

/** Why something cannot be done here; null where it can. */
export function refusalOf(action: Action): string | null {
  return may(action) ? null : messages.value.shell.mayNot;
}
