import { IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

/** What a kernel can be told by itself, fuse.h of Linux: `enum fuse_notify_code`. */
export const NOTICE = { invalInode: 2, invalEntry: 3 } as const;

const INVAL_INODE_BYTES = OUT_HEADER_BYTES + 24;
const INTERRUPT_BYTES = IN_HEADER_BYTES + 8;

/** FUSE_NOTIFY_INVAL_INODE: what is known of a file is out of date, its bytes too. */
export function inodeNotice(node: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(INVAL_INODE_BYTES));
  view.setUint32(0, INVAL_INODE_BYTES, true);
  view.setInt32(4, NOTICE.invalInode, true);
  view.setBigUint64(OUT_HEADER_BYTES, node, true);
  return new Uint8Array(view.buffer); // from byte 0 on, whatever the length
}

/** FUSE_INTERRUPT, in the place of a kernel: nobody waits for the answer to that request any more. */
export function interruptFrame(unique: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(INTERRUPT_BYTES));
  view.setUint32(0, INTERRUPT_BYTES, true);
  view.setUint32(4, OP.interrupt, true);
  view.setBigUint64(IN_HEADER_BYTES, unique, true);
  return new Uint8Array(view.buffer);
}
