import type { Role } from './roles.ts';

/**
 * What an action needs besides its role. `any`: nothing. `all`: a grant that reaches everything. `vm`, `path`: a grant
 * that reaches each of the machines or paths touched, of which there is at least one. `own`: that the account is the
 * caller's own.
 */
export type Reach = 'any' | 'all' | 'vm' | 'path' | 'own';

export interface ActionRule {
  readonly role: Role;
  readonly reach: Reach;
  readonly changes: boolean;
}

const look = (role: Role, reach: Reach): ActionRule => ({ role, reach, changes: false });
const change = (role: Role, reach: Reach): ActionRule => ({ role, reach, changes: true });

/**
 * Everything that can be done, and who may. Lists are `any`: what they show is decided item by item. Audit records
 * carry these names.
 */
export const ACTIONS = {
  'daemon.status': look('viewer', 'any'),
  'daemon.stop': change('admin', 'all'),
  'metrics.read': look('viewer', 'all'),
  'settings.read': look('operator', 'all'),
  'settings.change': change('admin', 'all'),
  /** A receiver may be a command, which is run as the daemon. */
  'notify.read': look('admin', 'all'),
  'notify.change': change('admin', 'all'),
  'vm.list': look('viewer', 'any'),
  'vm.read': look('viewer', 'vm'),
  /** All virtual machines of this host, whosesoever: what it names is opened as the daemon. */
  'vm.discover': look('admin', 'all'),
  'vm.add': change('admin', 'vm'),
  /** A machine behind a command or a socket of this host: what it names is run or opened as the daemon. */
  'vm.add-local': change('admin', 'all'),
  'vm.pair': change('admin', 'vm'),
  'vm.update': change('admin', 'vm'),
  'vm.rotate': change('admin', 'vm'),
  'key.rotate': change('admin', 'all'),
  'vm.change': change('admin', 'vm'),
  'vm.remove': change('admin', 'vm'),
  'job.list': look('viewer', 'any'),
  'job.read': look('viewer', 'path'),
  'job.start': change('operator', 'path'),
  'job.control': change('operator', 'path'),
  'job.undo': change('operator', 'path'),
  /** Sends files to the daemon, for a copy to the machine; only who has begun it goes on with it. */
  'upload.read': look('operator', 'path'),
  'upload.change': change('operator', 'path'),
  'file.list': look('operator', 'path'),
  /** A mount hides what is below it, and shows files of a machine to programs of this host. */
  'mount.read': look('admin', 'all'),
  'mount.change': change('admin', 'all'),
  'share.read': look('admin', 'all'),
  'share.change': change('admin', 'all'),
  /** Names of files and when they change, and nothing of what is in them. */
  'share.watch': look('viewer', 'path'),
  'share.use': look('viewer', 'path'),
  'share.write': change('operator', 'path'),
  'account.read': look('viewer', 'own'),
  'account.change': change('viewer', 'own'),
  'user.read': look('admin', 'all'),
  'user.change': change('admin', 'all'),
  'audit.read': look('admin', 'all'),
  'audit.change': change('admin', 'all'),
} as const satisfies Record<string, ActionRule>;

export type Action = keyof typeof ACTIONS;
