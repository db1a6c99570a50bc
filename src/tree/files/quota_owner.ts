import { fromUtf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import type { RelPath } from '../../base/path.ts';
import type { NodeValues } from './file_tree.ts';

/** Name of the value that tells whose a file is; a file of nobody in particular has none. */
export const OWNER_VALUE = 'owner';

/** Whose a file is; null where it has no mark, is gone, or may not be read. CW_UNSUPPORTED where no file can have one. */
export async function markAt(values: NodeValues, path: RelPath): Promise<string | null> {
  try {
    const value = await values.get(path, OWNER_VALUE);
    return value === null ? null : fromUtf8(value);
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_PERMISSION') return null;
    throw failure;
  }
}
