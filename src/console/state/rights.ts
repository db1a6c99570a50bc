import { signal } from '@preact/signals';
import { messages } from './language.ts';

/** What the console asks about, in the words of the daemon's rules. */
export type Action =
  | 'vm.add'
  | 'vm.pair'
  | 'vm.change'
  | 'vm.remove'
  | 'job.start'
  | 'job.control'
  | 'job.undo'
  | 'account.change'
  | 'user.read'
  | 'user.change'
  | 'audit.read';

/** What may be done here; null: the daemon does not ask who somebody is. The daemon decides all the same. */
export const allowed = signal<ReadonlySet<Action> | null>(null);

/** Why something cannot be done here; null where it can. */
export function refusalOf(action: Action): string | null {
  return allowed.value === null || allowed.value.has(action) ? null : messages.value.shell.mayNot;
}
