import { realpathSync, statSync } from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import { diskError } from './disk_errors.ts';

/** The path of a folder without symlinks. CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_PERMISSION. */
export function realFolder(path: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (thrown) {
    throw diskError('open', path, thrown);
  }
  throw new CausewayError('CW_DISK_NOT_DIRECTORY', `${path} is no folder`);
}
