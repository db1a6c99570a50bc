import { arch } from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { CausewayError } from '../../base/errors.ts';
import type { PosixRights } from '../posix.ts';
import { bindLibc } from './libc.ts';

/** Linux: umask and working folder become the calling thread's own. */
const CLONE_FS = 0x200;
/** _LINUX_CAPABILITY_VERSION_3, whose sets have two words. */
const VERSION = 0x20080522;
const WORDS = 2;
/** Names are reached though the user may not: the kernel of the caller has decided that already. */
const DAC_OVERRIDE = 1 << 1;
const DAC_READ_SEARCH = 1 << 2;
const FSETID = 1 << 4;
/** CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD: what the kernel ties to the user. */
const FILE_CAPS = 0b11111 | (1 << 9) | (1 << 27);

interface Functions {
  unshare(flags: number): number;
  umask(mask: number): number;
  setfsuid(id: number): number;
  setfsgid(id: number): number;
  geteuid(): number;
  capget(header: Uint32Array, data: Uint32Array): number;
  capset(header: Uint32Array, data: Uint32Array): number;
  syscall(number: bigint, first: bigint, second: bigint, third: bigint): bigint;
}

/** The calls themselves: those of libc change all threads of the process. */
const CALLS: Readonly<Record<string, { groups: bigint; groupIds: bigint; userIds: bigint }>> = {
  x64: { groups: 116n, groupIds: 119n, userIds: 117n },
  arm64: { groups: 159n, groupIds: 149n, userIds: 147n },
};

const SIGNATURES = {
  unshare: { return: 'i32', arguments: ['i32'] },
  umask: { return: 'u32', arguments: ['u32'] },
  setfsuid: { return: 'i32', arguments: ['u32'] },
  setfsgid: { return: 'i32', arguments: ['u32'] },
  geteuid: { return: 'u32', arguments: [] },
  capget: { return: 'i32', arguments: ['pointer', 'pointer'] },
  capset: { return: 'i32', arguments: ['pointer', 'pointer'] },
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64'] },
} as const;

function becomeForGood(c: Functions, userId: number, groupId: number): void {
  const calls = CALLS[arch];
  if (isMainThread || calls === undefined)
    throw new CausewayError('CW_UNSUPPORTED', 'this thread cannot act as another user');
  const [user, group] = [BigInt(userId), BigInt(groupId)];
  const results = [
    c.syscall(calls.groups, 0n, 0n, 0n),
    c.syscall(calls.groupIds, group, group, group),
    c.syscall(calls.userIds, user, user, user),
  ];
  if (results.some((result) => result !== 0n) || c.geteuid() !== userId)
    throw new CausewayError('CW_UNSUPPORTED', `this process may not act as user ${userId}`);
}

/**
 * Rights of the calling thread: the kernel keeps file system user, capabilities and, once unshared, the umask for each
 * thread. A change of the file system user drops the capabilities that reach past permissions, and its return gives them
 * back; those needed are raised again in between.
 */
export function bindRights(): PosixRights {
  const libc = bindLibc<Functions>(SIGNATURES);
  if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine has no rights of threads');
  const { functions: c } = libc;
  const header = new Uint32Array([VERSION, 0]);
  const own = new Uint32Array(3 * WORDS);
  let isRoot = c.geteuid() === 0 && c.capget(header, own) === 0;
  const effective = own[0] ?? 0;
  // where that is forbidden, and on the main thread, the umask is that of the whole process
  if (!isMainThread) c.unshare(CLONE_FS);
  const apply = (first: number): void => {
    const sets = own.slice();
    sets[0] = first & effective;
    c.capset(header, sets);
  };
  let keeps = true;
  let acts = false;
  let mask = -1;
  let group = 0;
  const setGroup = (groupId: number): void => {
    if (groupId === group) return;
    group = groupId;
    c.setfsgid(groupId);
  };
  const setKeeps = (keep: boolean): void => {
    if (keep === keeps) return;
    keeps = keep;
    apply(keep ? effective : effective & ~FSETID);
  };
  return {
    become: (userId, groupId) => {
      if (!isRoot) throw new CausewayError('CW_UNSUPPORTED', 'only root acts as another user');
      becomeForGood(c, userId, groupId);
      isRoot = false; // all else is up to the kernel now
    },
    actFor: (userId, groupId) => {
      if (!isRoot) return;
      setGroup(groupId);
      if (userId === 0) return;
      acts = true;
      c.setfsuid(userId);
      apply((effective & ~FILE_CAPS) | DAC_OVERRIDE | DAC_READ_SEARCH);
    },
    actForSelf: () => {
      if (!isRoot) return;
      setGroup(0);
      if (!acts) return;
      acts = false;
      c.setfsuid(0);
      keeps = true;
      apply(effective);
    },
    keepSetIds: () => {
      if (!isRoot) return;
      setGroup(0);
      setKeeps(true);
    },
    dropSetIds: (groupId) => {
      if (!isRoot) return;
      setGroup(groupId); // it decides on a setgid that stands for no program
      setKeeps(false);
    },
    umask: (wanted) => {
      if (wanted === mask) return;
      mask = wanted;
      c.umask(wanted & 0o777);
    },
  };
}
