import fs from 'node:fs';
import { type MessagePort, workerData } from 'node:worker_threads';
import { LIMITS } from '../../base/limits.ts';
import type { Settling } from '../posix.ts';
import { settleFile } from './file_sync.ts';

/** What the thread that serves a mount leaves to another one, because it may take long or must wait for the kernel. */
export interface FuseSide {
  /** Flushes an open file, or closes that descriptor, then answers the request of that number. */
  sync(fd: number, settling: Settling, uniqueLow: number, uniqueHigh: number): void;
  /** Lets the kernel forget what it knows by a name. A wish: it may be passed over. */
  forgetName(parentId: number, name: string): void;
}

/** How the two threads reach each other. */
export interface FuseSideLink {
  readonly port: MessagePort;
  /** One number: names that wait to be forgotten. */
  readonly waiting: SharedArrayBuffer;
}

type SideOrder =
  | { readonly fd: number; readonly settling: Settling; readonly low: number; readonly high: number }
  | { readonly parentId: number; readonly name: string };

const HEADER_BYTES = 16;
/** FUSE_NOTIFY_INVAL_ENTRY */
const FORGET_NAME = 3;
const FORGET_HEAD_BYTES = 16;

/** For the thread that serves; nothing here waits. */
export function fuseSideOf({ port, waiting }: FuseSideLink): FuseSide {
  const count = new Int32Array(waiting);
  const send = (order: SideOrder) => port.postMessage(order);
  return {
    sync: (fd, settling, low, high) => send({ fd, settling, low, high }),
    forgetName: (parentId, name) => {
      if (Atomics.load(count, 0) >= LIMITS.mountForgetQueueMax.value) return;
      Atomics.add(count, 0, 1);
      send({ parentId, name });
    },
  };
}

/**
 * Serves the orders in a thread of its own. Names are forgotten one at a time: the kernel may have to wait for a folder
 * that it has locked until a request is answered, by the other thread or by a flush here.
 */
export function serveFuseSide(): void {
  const { fuseFd, side } = workerData as { readonly fuseFd: number; readonly side: FuseSideLink };
  const count = new Int32Array(side.waiting);
  const names: { readonly parentId: number; readonly name: string }[] = [];
  let isForgetting = false;
  const forgetNext = (): void => {
    const next = names.shift();
    isForgetting = next !== undefined;
    if (next === undefined) return;
    // the kernel says so where it does not know the name any more, or the mount has ended
    fs.write(fuseFd, forgetMessage(next.parentId, next.name), () => {
      Atomics.sub(count, 0, 1);
      forgetNext();
    });
  };
  side.port.on('message', (order: SideOrder) => {
    if ('fd' in order) {
      const { fd, settling, low, high } = order;
      settleFile(fd, settling, (result) => answerSync(fuseFd, low, high, result));
      return;
    }
    names.push(order);
    if (!isForgetting) forgetNext();
  });
}

function answerSync(fuseFd: number, low: number, high: number, errno: number): void {
  const message = Buffer.alloc(HEADER_BYTES);
  message.writeUInt32LE(HEADER_BYTES, 0);
  message.writeInt32LE(errno, 4);
  message.writeUInt32LE(low, 8);
  message.writeUInt32LE(high, 12);
  try {
    fs.writeSync(fuseFd, message);
  } catch {
    // the mount has ended, and whoever waited has got an error from the kernel
  }
}

function forgetMessage(parentId: number, name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  const message = Buffer.alloc(HEADER_BYTES + FORGET_HEAD_BYTES + bytes.length + 1);
  message.writeUInt32LE(message.length, 0);
  message.writeInt32LE(FORGET_NAME, 4);
  message.writeBigUInt64LE(BigInt(parentId), HEADER_BYTES);
  message.writeUInt32LE(bytes.length, HEADER_BYTES + 8);
  bytes.copy(message, HEADER_BYTES + FORGET_HEAD_BYTES);
  return message;
}
