import type { DiskFile } from './disk.ts';

/** Which bytes, and how long they may take. */
export interface SentPart {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly forMs: number;
  readonly aloneMs: number;
}

/** Sends bytes of files over connections, by as little work as goes. For threads, which it holds up. */
export interface FileSender {
  /**
   * Sends from `offset` over the connection `fd`, for at most `forMs` where others wait for the thread and `aloneMs` where nobody
   * does, and no longer than the other side takes the bytes soon. How many were sent: fewer than `lengthBytes`, and none,
   * where the time is over, the file ends, the connection is broken or the system refuses. Nothing else may be written to the
   * connection meanwhile. All are sent only of a file that is still as long.
   */
  send(file: DiskFile, fd: number, part: SentPart): number;
}
