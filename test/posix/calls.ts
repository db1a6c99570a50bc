import fs from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { createPosix } from '../../src/world/node/posix_calls.ts';

const AT_FDCWD = -100;
const FIRST_AT = 0;
const SECOND_AT = 8_192;
const VALUE_AT = 16_384;
const posix = createPosix(VALUE_AT + 65_536);

/** What a call came to: `ok`, what it gave, or the name of its error. */
export type Outcome = string;

function put(at: number, text: string | Buffer): number {
  const { bytes } = posix.memory;
  const end = Buffer.isBuffer(text) ? text.copy(bytes, at) : bytes.write(text, at);
  bytes[at + end] = 0;
  return at;
}

function outcomeOf(result: number): Outcome {
  return result < 0 ? getSystemErrorName(result) : 'ok';
}

/** The outcome of calls of `node:fs`. */
export function tried(call: () => unknown): Outcome {
  try {
    const value = call();
    return value === undefined ? 'ok' : String(value);
  } catch (thrown) {
    const { code, errno } = thrown as NodeJS.ErrnoException;
    if (typeof errno === 'number' && errno < 0) return getSystemErrorName(errno);
    if (code === undefined) throw thrown;
    return code;
  }
}

export const NOREPLACE = 1;
export const EXCHANGE = 2;

export function rename2(from: string, to: string, flags: number): Outcome {
  const { moves } = posix;
  return outcomeOf(moves.rename(AT_FDCWD, put(FIRST_AT, from), AT_FDCWD, put(SECOND_AT, to), flags));
}

export const FIFO = 0o010000;
export const SOCKET = 0o140000;
export const REGULAR = 0o100000;

export function makeNode(at: string, mode: number): Outcome {
  return outcomeOf(posix.names.makeNode(AT_FDCWD, put(FIRST_AT, at), mode, 0));
}

export function allocate(fd: number, mode: number, offset: number, lengthBytes: number): Outcome {
  return outcomeOf(posix.data.allocate(fd, mode, BigInt(offset), BigInt(lengthBytes)));
}

export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export function seek(fd: number, offset: number, whence: number): Outcome {
  const found = posix.data.seek(fd, BigInt(offset), whence);
  return found < 0n ? getSystemErrorName(Number(found)) : String(found);
}

export function copyRange(from: number, at: number, to: number, toAt: number, lengthBytes: number): Outcome {
  const count = posix.data.copyRange(from, BigInt(at), to, BigInt(toAt), BigInt(lengthBytes));
  return count < 0 ? getSystemErrorName(count) : String(count);
}

/** Runs a call with a descriptor of O_PATH on what a path names, which is not followed. */
function onPath(at: string, call: (fd: number) => number): Outcome {
  const fd = posix.names.open(AT_FDCWD, put(FIRST_AT, at), 0o10000000, 0);
  if (fd < 0) return getSystemErrorName(fd);
  try {
    return outcomeOf(call(fd));
  } finally {
    posix.data.close(fd);
  }
}

export function setXattr(at: string, name: string, value: Buffer, flags: number): Outcome {
  return onPath(at, (fd) => {
    value.copy(posix.memory.bytes, VALUE_AT);
    return posix.xattrs.set(fd, put(SECOND_AT, name), VALUE_AT, value.length, flags);
  });
}

export function getXattr(at: string, name: string, sizeBytes: number): Outcome {
  let shown = '';
  const outcome = onPath(at, (fd) => {
    const count = posix.xattrs.get(fd, put(SECOND_AT, name), VALUE_AT, sizeBytes);
    if (count >= 0)
      shown = `${count} ${sizeBytes === 0 ? '' : posix.memory.bytes.toString('hex', VALUE_AT, VALUE_AT + Math.min(count, 32))}`;
    return count;
  });
  return outcome === 'ok' ? shown : outcome;
}

export function listXattrs(at: string): Outcome {
  let names = '';
  const outcome = onPath(at, (fd) => {
    const count = posix.xattrs.list(fd, VALUE_AT, 65_536);
    if (count >= 0) names = posix.memory.bytes.toString('latin1', VALUE_AT, VALUE_AT + count);
    return count;
  });
  // what a security module adds by itself is no affair of a test
  const own = names.split('\0').filter((name) => name !== '' && !name.startsWith('security.selinux'));
  return outcome === 'ok' ? own.sort().join(',') : outcome;
}

export function removeXattr(at: string, name: string): Outcome {
  return onPath(at, (fd) => posix.xattrs.remove(fd, put(SECOND_AT, name)));
}

/** Opens, lets `use` work with the descriptor, closes. */
export function opened(
  at: string | Buffer,
  flags: number,
  use: (fd: number) => unknown = () => undefined,
): Outcome {
  return tried(() => {
    const fd = fs.openSync(at, flags, 0o644);
    try {
      return use(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}
