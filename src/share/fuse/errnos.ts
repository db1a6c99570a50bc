import { asCausewayError, CausewayError, type ErrorCode } from '../../base/errors.ts';
import { ERRNO } from './protocol.ts';

const NUMBERS = {
  EBUSY: 16,
  EXDEV: 18,
  EMFILE: 24,
  ENOTEMPTY: 39,
  ELOOP: 40,
} as const;

/** Numbers of Linux, and what they are called here; the first one of a code is what a kernel is answered. */
const PAIRS: readonly (readonly [number, ErrorCode])[] = [
  [ERRNO.ENOENT, 'CW_DISK_NOT_FOUND'],
  [ERRNO.EEXIST, 'CW_DISK_EXISTS'],
  [ERRNO.EACCES, 'CW_DISK_PERMISSION'],
  [ERRNO.EPERM, 'CW_DISK_PERMISSION'],
  [ERRNO.EROFS, 'CW_DISK_READ_ONLY'],
  [ERRNO.ENOSPC, 'CW_DISK_FULL'],
  [ERRNO.EDQUOT, 'CW_DISK_QUOTA'],
  [ERRNO.EIO, 'CW_DISK_IO'],
  [ERRNO.ENOTDIR, 'CW_DISK_NOT_DIRECTORY'],
  [ERRNO.EISDIR, 'CW_DISK_IS_DIRECTORY'],
  [NUMBERS.ENOTEMPTY, 'CW_DISK_NOT_EMPTY'],
  [NUMBERS.ELOOP, 'CW_DISK_SYMLINK'],
  [NUMBERS.EXDEV, 'CW_DISK_CROSS_DEVICE'],
  [ERRNO.EINVAL, 'CW_DISK_NAME'],
  [ERRNO.ENAMETOOLONG, 'CW_DISK_NAME'],
  [NUMBERS.EBUSY, 'CW_DISK_BUSY'],
  [ERRNO.ETXTBSY, 'CW_DISK_BUSY'],
  [ERRNO.EFBIG, 'CW_DISK_FILE_TOO_LARGE'],
  [NUMBERS.EMFILE, 'CW_DISK_TOO_MANY_OPEN'],
  [ERRNO.ENFILE, 'CW_DISK_TOO_MANY_OPEN'],
  [ERRNO.EOPNOTSUPP, 'CW_UNSUPPORTED'],
  [ERRNO.ENOSYS, 'CW_UNSUPPORTED'],
];

const CODES = new Map<number, ErrorCode>(PAIRS);
const ERRNOS = new Map<ErrorCode, number>([...PAIRS].reverse().map(([errno, code]) => [code, errno]));

/** What the other machine has answered a request of this side with. */
export class FarFailure extends CausewayError {
  readonly errno: number;

  constructor(errno: number, what: string) {
    super(CODES.get(errno) ?? 'CW_DISK_IO', `the other machine refuses ${what} (error ${errno})`);
    this.errno = errno;
  }

  /** What this side knows the file by means nothing over there any more. */
  get isStale(): boolean {
    return this.errno === ERRNO.ESTALE || this.errno === ERRNO.EBADF;
  }
}

/** A request that is answered with that number. */
export class Refusal extends CausewayError {
  readonly errno: number;

  constructor(errno: number) {
    super('CW_UNSUPPORTED', `refused with error ${errno}`);
    this.errno = errno;
  }
}

/** The number that tells a program what went wrong. */
export function errnoOf(failure: unknown): number {
  const error = asCausewayError(failure);
  if (error instanceof Refusal) return error.errno;
  if (error instanceof FarFailure && (error.isStale || !CODES.has(error.errno))) return error.errno;
  if (error.next === 'reconnect') return ERRNO.ENOTCONN;
  return ERRNOS.get(error.code) ?? ERRNO.EIO;
}
