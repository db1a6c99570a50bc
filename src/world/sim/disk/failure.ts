import { CausewayError, type ErrorCode } from '../../../base/errors.ts';

const SENTENCES: Partial<Record<ErrorCode, string>> = {
  CW_DISK_NOT_FOUND: 'does not exist',
  CW_DISK_EXISTS: 'exists already',
  CW_DISK_PERMISSION: 'may not be used that way by this user',
  CW_DISK_READ_ONLY: 'is on a read-only file system',
  CW_DISK_FULL: 'does not fit: no space is left on the device',
  CW_DISK_IO: 'met an error of the device',
  CW_DISK_NOT_DIRECTORY: 'is not a folder',
  CW_DISK_IS_DIRECTORY: 'is a folder',
  CW_DISK_NOT_EMPTY: 'is a folder that is not empty',
  CW_DISK_SYMLINK: 'is a symbolic link',
  CW_DISK_CROSS_DEVICE: 'is on another file system',
  CW_UNSUPPORTED: 'is neither a file, a folder nor a symbolic link',
  CW_LINK_CLOSED: 'was closed before',
};

/** The error of an operation on `name`. */
export function diskError(code: ErrorCode, name: string): CausewayError {
  return new CausewayError(code, `${JSON.stringify(name)} ${SENTENCES[code] ?? 'failed'}`);
}
