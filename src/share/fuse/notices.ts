import { IN_HEADER_BYTES, OP, OP_TOLD, OUT_HEADER_BYTES } from './protocol.ts';

/** What a kernel can be told by itself, fuse.h of Linux: `enum fuse_notify_code`. */
export const NOTICE = { invalInode: 2, invalEntry: 3 } as const;

const INVAL_INODE_BYTES = OUT_HEADER_BYTES + 24;
const INVAL_ENTRY_HEAD_BYTES = OUT_HEADER_BYTES + 16;
const NAME_FLAGS_AT = OUT_HEADER_BYTES + 12;
export const TOLD_BYTES = IN_HEADER_BYTES + 8;
const INTERRUPT_BYTES = IN_HEADER_BYTES + 8;

/** FUSE_EXPIRE_ONLY: the name is asked for at its next use; what is in use below it stays. */
export const EXPIRES = 1;

/** FUSE_NOTIFY_INVAL_INODE: the attributes of a file are out of date, and with `isData` its bytes. */
export function inodeNotice(node: bigint, isData = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(INVAL_INODE_BYTES));
  view.setUint32(0, INVAL_INODE_BYTES, true);
  view.setInt32(4, NOTICE.invalInode, true);
  view.setBigUint64(OUT_HEADER_BYTES, node, true);
  view.setBigInt64(OUT_HEADER_BYTES + 8, isData ? 0n : -1n, true); // from byte 0 on, whatever the length
  return new Uint8Array(view.buffer);
}

/** FUSE_NOTIFY_INVAL_ENTRY: a name, bytes as Latin-1, may mean something else. */
export function nameNotice(parent: bigint, name: string, flags: number): Uint8Array {
  const bytes = Buffer.alloc(INVAL_ENTRY_HEAD_BYTES + name.length + 1);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeInt32LE(NOTICE.invalEntry, 4);
  bytes.writeBigUInt64LE(parent, OUT_HEADER_BYTES);
  bytes.writeUInt32LE(name.length, OUT_HEADER_BYTES + 8);
  bytes.writeUInt32LE(flags, NAME_FLAGS_AT);
  bytes.write(name, INVAL_ENTRY_HEAD_BYTES, 'latin1');
  return bytes;
}

/** Whether a notice of the other side tells of a change, and must not be lost. */
export function isOfChange(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const code = view.getInt32(4, true);
  if (code === NOTICE.invalInode) return bytes.byteLength === INVAL_INODE_BYTES;
  if (code !== NOTICE.invalEntry || bytes.byteLength <= INVAL_ENTRY_HEAD_BYTES) return false;
  return view.getUint32(NAME_FLAGS_AT, true) === EXPIRES;
}

/** So many notices were told to the kernel; TOLD_NOTHING: any may have been missed. */
export function toldFrame(count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(TOLD_BYTES));
  view.setUint32(0, TOLD_BYTES, true);
  view.setUint32(4, OP_TOLD, true);
  view.setUint32(IN_HEADER_BYTES, count, true);
  return new Uint8Array(view.buffer);
}

/** FUSE_INTERRUPT, in the place of a kernel: nobody waits for the answer to that request any more. */
export function interruptFrame(unique: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(INTERRUPT_BYTES));
  view.setUint32(0, INTERRUPT_BYTES, true);
  view.setUint32(4, OP.interrupt, true);
  view.setBigUint64(IN_HEADER_BYTES, unique, true);
  return new Uint8Array(view.buffer);
}
