import fs from 'node:fs';

/** Flushes an open file, in a thread of libuv; `done` gets 0 or the negated errno. */
export function syncFile(fd: number, dataOnly: boolean, done: (result: number) => void): void {
  const answer = (failure: NodeJS.ErrnoException | null) => done(failure?.errno ?? 0);
  if (dataOnly) fs.fdatasync(fd, answer);
  else fs.fsync(fd, answer);
}
