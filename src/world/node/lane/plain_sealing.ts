import { getErrno } from '../errno.ts';
import type { LaneFunctions } from './lane_calls.ts';
import { addressOf } from './lane_pipe.ts';
import type { Sealing } from './tls_steps.ts';

/** More is never sealed before it is drained. */
const ROOM_BYTES = 512 * 1024;
const MSG_DONTWAIT = 0x40;

/** Bytes as they are, on a channel that is trusted as it is. */
export function plainSealing(c: LaneFunctions, fd: number): Sealing {
  const room = new Uint8Array(new SharedArrayBuffer(ROOM_BYTES));
  const roomAt = addressOf(room);
  let start = 0;
  let end = 0;
  return {
    shake: () => true,
    seal: (at, sizeBytes) => {
      c.memcpy(roomAt + BigInt(end), at, BigInt(sizeBytes));
      end += sizeBytes;
    },
    drain: (into, maxBytes) => {
      const count = Math.min(maxBytes, end - start);
      c.memcpy(into, roomAt + BigInt(start), BigInt(count));
      start += count;
      if (start === end) start = end = 0;
      return room.byteLength > 0 ? count : 0;
    },
    open: (into, maxBytes) => {
      const count = Number(c.recv(fd, into, BigInt(maxBytes), MSG_DONTWAIT));
      if (count > 0) return count;
      return count < 0 && getErrno(c).isForNow ? 0 : -1;
    },
    hasMore: () => false,
    free: () => undefined,
  };
}
