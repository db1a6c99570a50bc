import { asCausewayError, type ErrorCode } from '../../base/errors.ts';

/** A request that ends with that status. `message` is shown to the client: no path of this machine, nothing of others. */
export class DavFailure extends Error {
  override readonly name = 'DavFailure';
  readonly status: number;
  /** Name of the precondition of RFC 4918 section 16 that was not met. */
  readonly condition: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    details: { readonly condition?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.condition = details.condition ?? null;
    this.headers = details.headers ?? {};
  }
}

/** What a failure of the tree means to a client; it is told this much and no more. */
const OF_CODE: Partial<Record<ErrorCode, readonly [status: number, message: string]>> = {
  CW_DISK_NOT_FOUND: [404, 'nothing is there'],
  CW_DISK_EXISTS: [412, 'something is there already'],
  CW_DISK_PERMISSION: [403, 'this may not be read or changed'],
  CW_ACCESS_DENIED: [403, 'you may not do this here'],
  CW_DISK_READ_ONLY: [403, 'this share is read-only'],
  CW_DISK_FULL: [507, 'the disk is full'],
  CW_DISK_QUOTA: [507, 'the quota of this share, or yours in it, is used up'],
  CW_DISK_NOT_DIRECTORY: [409, 'a part of the path is no folder'],
  CW_DISK_IS_DIRECTORY: [405, 'this is a folder'],
  CW_DISK_NOT_EMPTY: [409, 'the folder is not empty'],
  CW_DISK_SYMLINK: [403, 'a symbolic link leads out of this share'],
  CW_DISK_CROSS_DEVICE: [502, 'the two places are on different file systems'],
  CW_DISK_NAME: [400, 'such a name is not allowed'],
  CW_DISK_BUSY: [403, 'this cannot be changed'],
  CW_DISK_FILE_TOO_LARGE: [507, 'the file system cannot hold a file of that size'],
  CW_DISK_TOO_MANY_OPEN: [503, 'too much is open at this moment'],
  CW_AUDIT_UNAVAILABLE: [503, 'this cannot be recorded, and is not done therefore'],
  CW_LIMIT: [507, 'a limit was reached'],
  CW_SHARE_UNKNOWN: [404, 'there is no such share'],
  CW_SHARE_SOURCE: [503, 'the shared folder is not there at this moment'],
  CW_UNSUPPORTED: [403, 'this is not offered here'],
  CW_DISK_IO: [503, 'the shared folder cannot be read at this moment'],
};

/** Any failure as one of a request. What is not known is 500 and says nothing. */
export function asDavFailure(thrown: unknown): DavFailure {
  if (thrown instanceof DavFailure) return thrown;
  const [status, message] = OF_CODE[asCausewayError(thrown).code] ?? [500, 'the server failed'];
  return new DavFailure(
    status,
    message,
    status === 507 && asCausewayError(thrown).code === 'CW_DISK_QUOTA'
      ? { condition: 'quota-not-exceeded' }
      : {},
  );
}
