import { constants } from 'node:fs';
import type { OpenMode } from '../disk.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** O_NONBLOCK: opening a FIFO or a device that took the name of a file must not wait. It means nothing for files. */
const FILE = O_NOFOLLOW | O_NONBLOCK;

/** Flags of open(2) for each way to open a file. A symlink in the last component is never followed. */
export const FILE_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | FILE,
  create: O_RDWR | O_CREAT | O_EXCL | FILE,
  write: O_RDWR | FILE,
  append: O_RDWR | O_CREAT | FILE,
};

/** A directory on the way of a peer's path. */
export const DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/** A directory named by the machine's own user. */
export const ROOT_FLAGS = O_RDONLY | O_DIRECTORY;
