import { constants } from 'node:os';
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { DiskFile } from '../disk.ts';
import type { FileCaps, FileRanges, PageCache, RangeCopies } from '../disk_caps.ts';
import { type CacheCalls, loadCacheCalls } from './cache_calls.ts';
import type { DiskContext } from './disk_context.ts';
import type { LentHandle } from './handle_refs.ts';
import type { RangeCalls } from './range_calls.ts';
import { SystemCallError } from './syscalls.ts';
import { xattrStore } from './xattr_store.ts';

const { EINVAL, ENXIO } = constants.errno;

/** Runs a call with the descriptor of the open file, and names the operation in its errors. */
export type WithFd = <T>(operation: string, call: (fd: number) => Promise<T>) => Promise<T>;

/** The capabilities of an open file of this machine. */
export function fileCaps(context: DiskContext, withFd: WithFd): FileCaps {
  const { rangeCalls } = context;
  return {
    ranges: rangeCalls === null ? null : fileRanges(rangeCalls, withFd),
    copies: rangeCalls === null ? null : rangeCopies(rangeCalls, withFd),
    xattrs: xattrStore(context, withFd),
    cache: rangeCalls === null ? null : pageCache(loadCacheCalls(), withFd),
  };
}

function pageCache(calls: CacheCalls | null, withFd: WithFd): PageCache | null {
  if (calls === null) return null;
  return {
    cachedBytes: (offset, lengthBytes) =>
      withFd('look for pages of', async (fd) => calls.cached(fd, whole(offset), whole(lengthBytes))),
    drop: (offset, lengthBytes) =>
      withFd('forget pages of', async (fd) => calls.drop(fd, whole(offset), whole(lengthBytes))),
  };
}

function fileRanges(calls: RangeCalls, withFd: WithFd): FileRanges {
  return {
    seekData: (offset) =>
      withFd('look for data in', async (fd) => orAtEnd(() => calls.seekData(fd, whole(offset)))),
    seekHole: (offset) =>
      withFd('look for holes in', async (fd) => orAtEnd(() => calls.seekHole(fd, whole(offset)))),
    punchHole: (offset, lengthBytes) =>
      withFd('make a hole in', async (fd) => calls.punchHole(fd, whole(offset), whole(lengthBytes))),
    allocate: (offset, lengthBytes) =>
      withFd('reserve space for', async (fd) => calls.allocate(fd, whole(offset), whole(lengthBytes))),
  };
}

function rangeCopies(calls: RangeCalls, withFd: WithFd): RangeCopies {
  return {
    copyRange: (from, fromOffset, toOffset, lengthBytes) =>
      withFd('copy a range into', (fd) =>
        withSource(from, (fromFd) =>
          calls.copyRange(fromFd, whole(fromOffset), fd, whole(toOffset), whole(lengthBytes)),
        ),
      ),
    reflink: (from, fromOffset, toOffset, lengthBytes) =>
      withFd('share a range with', async (fd) => {
        if (lengthBytes === 0) return; // for the call, zero means all that is left
        await withSource(from, (fromFd) =>
          calls.cloneRange(fromFd, whole(fromOffset), fd, whole(toOffset), whole(lengthBytes)),
        );
      }),
  };
}

/** A file of this machine whose descriptor can be lent. */
interface Lender {
  lend(): LentHandle;
}

/** `call` with the descriptor of `from`. EINVAL means a range that the file system cannot copy like that. */
async function withSource<T>(from: DiskFile, call: (fd: number) => T): Promise<T> {
  if (!('lend' in from)) throw new CausewayError('CW_UNSUPPORTED', 'the source is no file of this machine');
  const { fd, giveBack } = (from as DiskFile & Lender).lend();
  try {
    return call(fd);
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError) || thrown.errno !== EINVAL) throw thrown;
    throw new CausewayError('CW_UNSUPPORTED', 'the file system does not copy this range by itself', {
      cause: thrown,
    });
  } finally {
    giveBack();
  }
}

/** ENXIO of lseek(2): nothing of that kind follows. */
function orAtEnd(seek: () => number): number | null {
  try {
    return seek();
  } catch (thrown) {
    if (thrown instanceof SystemCallError && thrown.errno === ENXIO) return null;
    throw thrown;
  }
}

function whole(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, 'an offset or a length is a whole number, not negative');
  return value;
}
