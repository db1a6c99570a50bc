import type { LeaseGiven, LeaseKinds } from '../../cache/lease/lease_kinds.ts';
import { IN_HEADER_BYTES, LEASE_ACTION, NOTICE_LEASE, OP_LEASE, OUT_HEADER_BYTES } from './protocol.ts';

/* What is said of leases on the stream of a mount, in the forms of requests and answers of a kernel. */

const ASK_BYTES = IN_HEADER_BYTES + 16;
const NOTICE_BYTES = OUT_HEADER_BYTES + 16;
/** The answer to STATX, behind which the lease stands. */
const STATX_OUT_BYTES = 32 + 256;
export const LEASE_OUT_BYTES = STATX_OUT_BYTES + 8;
/** Where WRITE carries the epoch of the lease under which its file was opened; kernels leave it 0. */
export const WRITE_EPOCH_AT = 36;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** In the name of whoever sent `as`; without it of nobody. */
function leaseFrame(
  as: Uint8Array | null,
  node: bigint,
  unique: bigint,
  [action, kinds, epoch]: readonly [number, LeaseKinds, number],
): Uint8Array {
  const frame = new Uint8Array(ASK_BYTES);
  if (as !== null) frame.set(as.subarray(0, IN_HEADER_BYTES));
  const view = viewOf(frame);
  view.setUint32(0, ASK_BYTES, true);
  view.setUint32(4, OP_LEASE, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, node, true);
  view.setUint32(IN_HEADER_BYTES, action, true);
  view.setUint32(IN_HEADER_BYTES + 4, kinds, true);
  view.setUint32(IN_HEADER_BYTES + 8, epoch, true);
  return frame;
}

/** Asks for a lease, and what the file is like once it was given. */
export const askFrame = (as: Uint8Array, node: bigint, unique: bigint, kinds: LeaseKinds) =>
  leaseFrame(as, node, unique, [LEASE_ACTION.ask, kinds, 0]);

/** No more than `kinds` is kept of a lease. Without an answer. */
export const keepFrame = (node: bigint, epoch: number, kinds: LeaseKinds) =>
  leaseFrame(null, node, 0n, [LEASE_ACTION.keep, kinds, epoch]);

/** Asks whether all leases count still. */
export const renewFrame = (unique: bigint) => leaseFrame(null, 0n, unique, [LEASE_ACTION.renew, 0, 0]);

/** No lease is held any more. Without an answer. */
export const forgetFrame = () => leaseFrame(null, 0n, 0n, [LEASE_ACTION.forget, 0, 0]);

/** What an answer gives; nothing where it is an error, or of a machine without leases. */
export function givenBy(answer: Uint8Array): LeaseGiven {
  const view = viewOf(answer);
  const at = OUT_HEADER_BYTES + STATX_OUT_BYTES;
  if (answer.byteLength < OUT_HEADER_BYTES + LEASE_OUT_BYTES || view.getInt32(4, true) !== 0)
    return { kinds: 0, epoch: 0 };
  return { kinds: view.getUint32(at, true), epoch: view.getUint32(at + 4, true) };
}

/** Writes it behind the body of an answer to STATX. */
export function putGiven(view: DataView, out: number, { kinds, epoch }: LeaseGiven): void {
  view.setUint32(out + STATX_OUT_BYTES, kinds, true);
  view.setUint32(out + STATX_OUT_BYTES + 4, epoch, true);
}

/** The other machine is to keep no more than `kinds` of that lease. */
export function leaseNotice(node: bigint, epoch: number, kinds: LeaseKinds): Uint8Array {
  const view = new DataView(new ArrayBuffer(NOTICE_BYTES));
  view.setUint32(0, NOTICE_BYTES, true);
  view.setInt32(4, NOTICE_LEASE, true);
  view.setBigUint64(OUT_HEADER_BYTES, node, true);
  view.setUint32(OUT_HEADER_BYTES + 8, epoch, true);
  view.setUint32(OUT_HEADER_BYTES + 12, kinds, true);
  return new Uint8Array(view.buffer);
}

/** What such a notice says. */
export interface Broken {
  readonly node: bigint;
  readonly epoch: number;
  /** What may be kept. */
  readonly kinds: LeaseKinds;
}

/** Null where it is another notice. */
export function brokenBy(bytes: Uint8Array): Broken | null {
  const view = viewOf(bytes);
  if (bytes.byteLength !== NOTICE_BYTES || view.getInt32(4, true) !== NOTICE_LEASE) return null;
  return {
    node: view.getBigUint64(OUT_HEADER_BYTES, true),
    epoch: view.getUint32(OUT_HEADER_BYTES + 8, true),
    kinds: view.getUint32(OUT_HEADER_BYTES + 12, true),
  };
}
