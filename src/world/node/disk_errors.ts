import { constants } from 'node:os';
import { CausewayError, type ErrorCode } from '../../base/errors.ts';

/** errno name → code. What is not listed is CW_DISK_IO. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'CW_DISK_NOT_FOUND',
  EEXIST: 'CW_DISK_EXISTS',
  EACCES: 'CW_DISK_PERMISSION',
  EPERM: 'CW_DISK_PERMISSION',
  EROFS: 'CW_DISK_READ_ONLY',
  ENOSPC: 'CW_DISK_FULL',
  EDQUOT: 'CW_DISK_QUOTA',
  ENOTDIR: 'CW_DISK_NOT_DIRECTORY',
  EISDIR: 'CW_DISK_IS_DIRECTORY',
  ENOTEMPTY: 'CW_DISK_NOT_EMPTY',
  ELOOP: 'CW_DISK_SYMLINK',
  EXDEV: 'CW_DISK_CROSS_DEVICE',
  ENAMETOOLONG: 'CW_DISK_NAME',
  EILSEQ: 'CW_DISK_NAME',
  EMFILE: 'CW_DISK_TOO_MANY_OPEN',
  ENFILE: 'CW_DISK_TOO_MANY_OPEN',
  EFBIG: 'CW_DISK_FILE_TOO_LARGE',
  EBUSY: 'CW_DISK_BUSY',
  ETXTBSY: 'CW_DISK_BUSY',
  EMLINK: 'CW_UNSUPPORTED',
  ENOTTY: 'CW_UNSUPPORTED', // an ioctl that the file system does not know
  ENXIO: 'CW_UNSUPPORTED', // a socket or a FIFO without a reader, opened as a file
  ENOSYS: 'CW_UNSUPPORTED',
  ENOTSUP: 'CW_UNSUPPORTED',
  EOPNOTSUPP: 'CW_UNSUPPORTED',
};

/** What the operating system's short name means, for people who do not know it. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EEXIST: 'something with that name exists',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  EDQUOT: 'the quota is used up',
  ENOTDIR: 'it is not a folder',
  EISDIR: 'it is a folder',
  ENOTEMPTY: 'the folder is not empty',
  ELOOP: 'it is a symbolic link',
  EXDEV: 'the two places are on different file systems',
  ENAMETOOLONG: 'the name is too long',
  EILSEQ: 'the file system does not allow that name',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  EIO: 'the device reported an error',
  EFBIG: 'the file would be too large for the file system',
  EBUSY: 'it is in use',
  ENOTSUP: 'the file system does not offer that',
  EOPNOTSUPP: 'the file system does not offer that',
  ENOTTY: 'the file system does not offer that',
  EMLINK: 'it has as many names as the file system allows',
};

const OWNER_UNKNOWN = 'that user or group cannot be stored there (EINVAL)';

/** Operations that give a name to something: there EINVAL means that the file system refuses the name. */
const NAMING = /^(create|make the folder|make the link|rename|link)\b/;

/** There EINVAL means a user or group that the machine does not know. */
const OWNING = /^set owner\b/;

/** Node has no name for some of the errors of this system, EDQUOT among them. */
const NAMELESS = /^Unknown system error/;
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

function nameOfErrno(thrown: NodeJS.ErrnoException | null): string {
  const { code = 'EIO', errno } = thrown ?? {};
  return NAMELESS.test(code) ? (NAMES.get(Math.abs(errno ?? 0)) ?? code) : code;
}

/** `rename to /b` of `/a` → `rename /a to /b`. */
function sentence(operation: string, path: string): string {
  const [, verb, target] = /^(rename|link) (to .*)$/s.exec(operation) ?? [];
  return verb === undefined ? `${operation} ${path}` : `${verb} ${path} ${target}`;
}

/**
 * Turns what a system call threw into a CW_DISK_* error whose message names the operation and the path, for
 * example `cannot create /srv/a: no space left (ENOSPC)`. A CausewayError passes through unchanged.
 */
export function diskError(operation: string, path: string, thrown: unknown): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  const errno = nameOfErrno(thrown as NodeJS.ErrnoException | null);
  const refusesName = errno === 'EINVAL' && NAMING.test(operation);
  if (errno === 'EINVAL' && OWNING.test(operation))
    return new CausewayError('CW_UNSUPPORTED', `cannot ${sentence(operation, path)}: ${OWNER_UNKNOWN}`, {
      cause: thrown,
    });
  const code = refusesName ? 'CW_DISK_NAME' : (CODES[errno] ?? 'CW_DISK_IO');
  const reason = refusesName ? 'the file system does not allow that name' : REASONS[errno];
  const text = reason === undefined ? errno : `${reason} (${errno})`;
  return new CausewayError(code, `cannot ${sentence(operation, path)}: ${text}`, { cause: thrown });
}
