import fs from 'node:fs';
import type { Settling } from '../posix.ts';

/** Flushes an open file, or closes the descriptor, in a thread of libuv; `done` gets 0 or the negated errno. */
export function settleFile(fd: number, settling: Settling, done: (result: number) => void): void {
  const answer = (failure: NodeJS.ErrnoException | null) => done(failure?.errno ?? 0);
  if (settling === 'close') fs.close(fd, answer);
  else if (settling === 'data') fs.fdatasync(fd, answer);
  else fs.fsync(fd, answer);
}
