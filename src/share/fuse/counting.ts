import { fromUtf8 } from '../../base/bytes.ts';
import { VALUE_PREFIX } from '../../tree/files/local_values.ts';
import { isPrivateName } from '../../tree/files/names.ts';
import type { QuotaClerk } from '../../tree/files/quota_clerk.ts';
import { OWNER_VALUE } from '../../tree/files/quota_owner.ts';
import type { FuseNode } from './nodes.ts';
import { ERRNO, KIND_FILE, KIND_MASK, O_PATH } from './protocol.ts';
import { type FuseState, PLACE } from './state.ts';

/*
 * The quota of a folder that is served: what files grow by is charged before, in the same turn in which their size was
 * looked at. What does not fit is refused in whole: a part of a write would be told as an error after the fact.
 */

const ASCII = /^[\x01-\x7f]*$/;

/**
 * Whether a name (bytes as Latin-1) is not there in a folder with a quota, or of which changes are kept: what is kept there for
 * others is counted elsewhere. With a quota names that are no UTF-8 are not there either: a count does not find them.
 */
export function isUncounted({ options: { quota, keeper } }: FuseState, name: string): boolean {
  if (quota === null && keeper === undefined) return false;
  if (ASCII.test(name)) return isPrivateName(name);
  const text = fromUtf8(Buffer.from(name, 'latin1'));
  return text === null ? quota !== null : isPrivateName(text);
}

/** Runs a call that may change the size of the file that a descriptor stands for; `sized` tells to what, from the size before. */
export function resizing(
  state: FuseState,
  node: FuseNode,
  fd: number,
  sized: (sizeBytes: number) => number,
  call: () => number,
): number {
  const { quota } = state.options;
  if (quota === null) return call();
  return quota.inTurn(() => {
    const before = sizeOf(state, fd);
    if (before < 0) return before;
    // what was removed by somebody else has been given back already
    const counts = state.statx.linkCount > 0 || node.heldBytes !== null;
    if (!counts) return call();
    const growth = Math.max(0, sized(before) - before);
    node.quotaOwner ??= ownerOf(state, quota, fd);
    const owner = node.quotaOwner;
    if (!quota.charge(growth, owner)) return -ERRNO.EDQUOT;
    const result = call();
    const after = sizeOf(state, fd);
    if (after < 0) return result; // charged as if all had been done
    quota.settle(after - before - growth, owner);
    hold(quota, node, after - before);
    return result;
  });
}

/** Runs a call that takes a name away, or gives it to something else; `looked` has looked at what stands there now. */
export function removing(
  state: FuseState,
  { looked, fd, nameAt }: { readonly looked: () => boolean; readonly fd: number; readonly nameAt: number },
  call: () => number,
): number {
  const { options, nodes, statx } = state;
  const { quota } = options;
  if (quota === null) return call();
  return quota.inTurn(() => {
    const isLast = looked() && (statx.mode & KIND_MASK) === KIND_FILE && statx.linkCount === 1;
    const sizeBytes = statx.sizeBytes;
    const node = isLast ? nodes.seen() : undefined;
    const owner = isLast ? (node?.quotaOwner ?? ownerAt(state, quota, fd, nameAt)) : quota.unmarked;
    const result = call();
    if (result < 0 || !isLast) return result;
    if (node !== undefined) node.quotaOwner = owner;
    if (node === undefined || node.openFds.length === 0) quota.settle(-sizeBytes, owner);
    else {
      // it takes room for as long as it is open
      node.heldBytes = 0;
      hold(quota, node, sizeBytes);
    }
    return result;
  });
}

/** A file was closed. */
export function leaving({ options: { quota } }: FuseState, node: FuseNode): void {
  const { heldBytes } = node;
  if (quota === null || heldBytes === null || node.openFds.length > 0) return;
  node.heldBytes = null;
  const owner = node.quotaOwner ?? quota.unmarked;
  quota.hold(-heldBytes, owner);
  quota.settle(-heldBytes, owner);
}

function hold(quota: QuotaClerk, node: FuseNode, bytes: number): void {
  if (node.heldBytes === null) return;
  node.heldBytes += bytes;
  quota.hold(bytes, node.quotaOwner ?? quota.unmarked);
}

/** Extended attribute that tells whose a file is. */
const OWNER_ATTRIBUTE = `${VALUE_PREFIX}${OWNER_VALUE}`;
const OWNER_MAX_BYTES = 1_024;

/** Of a file that a descriptor stands for. */
function ownerOf({ posix, out }: FuseState, quota: QuotaClerk, fd: number): number {
  if (!quota.hasOwners) return quota.unmarked;
  const { bytes } = posix.memory;
  const end = bytes.write(OWNER_ATTRIBUTE, out, 'latin1');
  bytes[out + end] = 0;
  const from = out + end + 1;
  const count = posix.xattrs.get(fd, out, from, OWNER_MAX_BYTES);
  return quota.ownerOf(count < 0 ? null : fromUtf8(bytes.subarray(from, from + count)));
}

/** Of what has a name, which is not followed. */
function ownerAt(state: FuseState, quota: QuotaClerk, dirFd: number, nameAt: number): number {
  if (!quota.hasOwners) return quota.unmarked;
  const { names, data } = state.posix;
  const fd = names.open(dirFd, nameAt, O_PATH, 0);
  if (fd < 0) return quota.unmarked;
  const owner = ownerOf(state, quota, fd);
  data.close(fd);
  return owner;
}

/** Whether an attribute is kept from who asks: the quota rests on it. */
export function isKept({ options: { quota } }: FuseState, name: string): boolean {
  return quota?.hasOwners === true && name === OWNER_ATTRIBUTE;
}

/** Of what a descriptor stands for; or an error. */
export function sizeOf({ posix, statx }: FuseState, fd: number): number {
  const result = posix.attrs.stat(fd, posix.memory.emptyNameAt, PLACE.statx);
  return result < 0 ? result : statx.sizeBytes;
}
