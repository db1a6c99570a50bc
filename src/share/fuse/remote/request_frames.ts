import { IN_HEADER_BYTES } from '../protocol.ts';

/* Bodies of requests, `include/uapi/linux/fuse.h` of Linux, as a kernel writes them. */

const NS_PER_S = 1_000_000_000n;
const OWNER_BITS = { mode: 1 << 0, userId: 1 << 1, groupId: 1 << 2, size: 1 << 3, mtime: 1 << 5 } as const;
const KIND_FILE = 0o100000;

/** A request with its header; numbers of users are those of nobody in particular: this side asks by itself. */
export function requestFrame(
  opcode: number,
  node: bigint,
  unique: bigint,
  body: readonly Uint8Array[],
): Uint8Array {
  let sizeBytes = IN_HEADER_BYTES;
  for (const part of body) sizeBytes += part.byteLength;
  const frame = new Uint8Array(sizeBytes);
  const view = new DataView(frame.buffer);
  view.setUint32(0, sizeBytes, true);
  view.setUint32(4, opcode, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, node, true);
  let at = IN_HEADER_BYTES;
  for (const part of body) {
    frame.set(part, at);
    at += part.byteLength;
  }
  return frame;
}

function structOf(sizeBytes: number, write: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(sizeBytes));
  write(view);
  return new Uint8Array(view.buffer);
}

/** Names or targets, each with its NUL. */
export function texts(...all: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(all.map((one) => `${one}\0`).join('')));
}

/** Of READ, READDIRPLUS. */
export const readBody = (handle: bigint, offset: bigint, sizeBytes: number): Uint8Array =>
  structOf(40, (view) => {
    view.setBigUint64(0, handle, true);
    view.setBigUint64(8, offset, true);
    view.setUint32(16, sizeBytes, true);
  });

/** Of WRITE: the bytes follow. */
export const writeBody = readBody;

export const openBody = (flags: number): Uint8Array => structOf(8, (view) => view.setUint32(0, flags, true));

/** Of FSYNC, FSYNCDIR. */
export const syncBody = (handle: bigint, flags: number): Uint8Array =>
  structOf(16, (view) => {
    view.setBigUint64(0, handle, true);
    view.setUint32(8, flags, true);
  });

/** Of RELEASE, RELEASEDIR. */
export const releaseBody = (handle: bigint): Uint8Array =>
  structOf(24, (view) => view.setBigUint64(0, handle, true));

export const createBody = (flags: number, mode: number): Uint8Array =>
  structOf(16, (view) => {
    view.setUint32(0, flags, true);
    view.setUint32(4, mode | KIND_FILE, true);
  });

export const mkdirBody = (mode: number): Uint8Array => structOf(8, (view) => view.setUint32(0, mode, true));

export const getattrBody = (): Uint8Array => new Uint8Array(16);

/** Of GETXATTR and LISTXATTR: room for so many bytes; a name follows that of GETXATTR. */
export const sizedBody = (sizeBytes: number): Uint8Array =>
  structOf(8, (view) => view.setUint32(0, sizeBytes, true));

/** Of SETXATTR, in its longer form: the name and the value follow. */
export const setxattrBody = (sizeBytes: number, flags: number): Uint8Array =>
  structOf(16, (view) => {
    view.setUint32(0, sizeBytes, true);
    view.setUint32(4, flags, true);
  });

/** Of LINK, in the folder of the new name, which follows. */
export const linkBody = (node: bigint): Uint8Array => structOf(8, (view) => view.setBigUint64(0, node, true));

/** Of RENAME2: both names follow. */
export const renameBody = (toFolder: bigint, flags: number): Uint8Array =>
  structOf(16, (view) => {
    view.setBigUint64(0, toFolder, true);
    view.setUint32(8, flags, true);
  });

export interface AttrWish {
  readonly mode?: number | undefined;
  readonly userId?: number | undefined;
  readonly groupId?: number | undefined;
  readonly mtimeNs?: bigint | undefined;
  readonly sizeBytes?: number | undefined;
}

export const setattrBody = ({ mode, userId, groupId, mtimeNs, sizeBytes }: AttrWish): Uint8Array =>
  structOf(88, (view) => {
    let valid = 0;
    if (sizeBytes !== undefined) {
      valid |= OWNER_BITS.size;
      view.setBigUint64(16, BigInt(sizeBytes), true);
    }
    if (mtimeNs !== undefined) {
      valid |= OWNER_BITS.mtime;
      const nanos = ((mtimeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
      view.setBigInt64(40, (mtimeNs - nanos) / NS_PER_S, true);
      view.setUint32(60, Number(nanos), true);
    }
    if (mode !== undefined) {
      valid |= OWNER_BITS.mode;
      view.setUint32(68, mode, true);
    }
    if (userId !== undefined) {
      valid |= OWNER_BITS.userId;
      view.setUint32(76, userId, true);
    }
    if (groupId !== undefined) {
      valid |= OWNER_BITS.groupId;
      view.setUint32(80, groupId, true);
    }
    view.setUint32(0, valid, true);
  });

/** Of FORGET. */
export const forgetBody = (lookups: number): Uint8Array =>
  structOf(8, (view) => view.setBigUint64(0, BigInt(lookups), true));
