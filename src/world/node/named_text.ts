import { readFile, realpath, stat } from 'node:fs/promises';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { diskError } from './disk_errors.ts';

/** The content of a file that the command line names, as text. Throws CW_DISK_*, CW_USAGE beyond excludeFileMaxBytes. */
export async function readNamedText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= LIMITS.excludeFileMaxBytes.value) return await readFile(path, 'utf8');
    throw new CausewayError('CW_USAGE', `${path} has ${size} bytes, more than such a file may have`);
  } catch (thrown) {
    throw thrown instanceof CausewayError ? thrown : diskError('read', path, thrown);
  }
}

/** The absolute path that a path leads to, all symlinks followed; the same one where nothing is there. CW_DISK_*. */
export async function targetOfLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw diskError('look at', path, thrown);
  }
}
