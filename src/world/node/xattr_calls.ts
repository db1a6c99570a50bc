import { bindLibc } from './libc.ts';

/** What has the attributes: an open file, or a path whose last component is not followed. */
export type XattrTarget = number | string;

/** System calls on extended attributes, xattr(7); all are synchronous and throw {@link SystemCallError}. Linux. */
export interface XattrCalls {
  /** The names, each with a NUL behind it. */
  list(target: XattrTarget): Uint8Array;
  get(target: XattrTarget, name: string): Uint8Array;
  set(target: XattrTarget, name: string, value: Uint8Array): void;
  remove(target: XattrTarget, name: string): void;
}

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of Linux: what one call can give. */
const ANSWER_MAX_BYTES = 65_536;

interface Functions {
  flistxattr(fd: number, into: Uint8Array, sizeBytes: bigint): bigint;
  llistxattr(path: string, into: Uint8Array, sizeBytes: bigint): bigint;
  fgetxattr(fd: number, name: string, into: Uint8Array, sizeBytes: bigint): bigint;
  lgetxattr(path: string, name: string, into: Uint8Array, sizeBytes: bigint): bigint;
  fsetxattr(fd: number, name: string, value: Uint8Array, sizeBytes: bigint, flags: number): number;
  lsetxattr(path: string, name: string, value: Uint8Array, sizeBytes: bigint, flags: number): number;
  fremovexattr(fd: number, name: string): number;
  lremovexattr(path: string, name: string): number;
}

function bind(): XattrCalls | null {
  const list = { return: 'i64', arguments: ['pointer', 'u64'] } as const;
  const get = { return: 'i64', arguments: ['string', 'pointer', 'u64'] } as const;
  const set = { return: 'i32', arguments: ['string', 'pointer', 'u64', 'i32'] } as const;
  const remove = { return: 'i32', arguments: ['string'] } as const;
  const on = <T extends { return: string; arguments: readonly string[] }>(target: string, signature: T) => ({
    return: signature.return,
    arguments: [target, ...signature.arguments],
  });
  const libc = bindLibc<Functions>({
    flistxattr: on('i32', list),
    llistxattr: on('string', list),
    fgetxattr: on('i32', get),
    lgetxattr: on('string', get),
    fsetxattr: on('i32', set),
    lsetxattr: on('string', set),
    fremovexattr: on('i32', remove),
    lremovexattr: on('string', remove),
  } as Parameters<typeof bindLibc>[0]);
  if (libc === null) return null;
  const { functions: c, check } = libc;
  const answer = new Uint8Array(ANSWER_MAX_BYTES);
  const max = BigInt(ANSWER_MAX_BYTES);
  const isOpen = (target: XattrTarget): target is number => typeof target === 'number';
  const answered = (syscall: string, count: bigint) => answer.slice(0, Number(check(syscall, count)));
  return {
    list: (at) =>
      isOpen(at)
        ? answered('flistxattr', c.flistxattr(at, answer, max))
        : answered('llistxattr', c.llistxattr(at, answer, max)),
    get: (at, name) =>
      isOpen(at)
        ? answered('fgetxattr', c.fgetxattr(at, name, answer, max))
        : answered('lgetxattr', c.lgetxattr(at, name, answer, max)),
    set: (at, name, value) => {
      const size = BigInt(value.byteLength);
      if (isOpen(at)) check('fsetxattr', c.fsetxattr(at, name, value, size, 0));
      else check('lsetxattr', c.lsetxattr(at, name, value, size, 0));
    },
    remove: (at, name) => {
      if (isOpen(at)) check('fremovexattr', c.fremovexattr(at, name));
      else check('lremovexattr', c.lremovexattr(at, name));
    },
  };
}

let cached: XattrCalls | null | undefined;

/** The calls, bound on first use; null where the platform or this build of Node has none. */
export function loadXattrCalls(): XattrCalls | null {
  if (cached === undefined) cached = bind();
  return cached;
}
