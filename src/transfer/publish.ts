import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { Name } from '../base/path.ts';
import type { Dir, DiskFile } from '../world/disk.ts';

/** What a complete file gets before it stands under its name. */
export interface FinalAttrs {
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/**
 * Cuts what is too much, then sets mode and time. They come last, on the handle that was read back: a mode without
 * write permission would lock out the repair of a bad chunk.
 */
export async function settleFile(file: DiskFile, attrs: FinalAttrs): Promise<void> {
  if ((await file.stat()).sizeBytes > attrs.sizeBytes) {
    await file.truncate(attrs.sizeBytes);
    await file.datasync();
  }
  await file.setAttrs({ mode: attrs.mode, mtimeNs: attrs.mtimeNs });
}

/** Gives a complete file its name. CW_COPY_KIND where a folder stands there. */
export function renameInto(store: Dir, temporary: Name, dir: Dir, name: Name): Promise<void> {
  return namingKinds(() => store.rename(temporary, dir, name));
}

/** Says in the words of a copy why a rename has failed: CW_COPY_KIND where a folder stands at the destination. */
export async function namingKinds<T>(rename: () => Promise<T>): Promise<T> {
  try {
    return await rename();
  } catch (failure) {
    const error = asCausewayError(failure);
    const isFolder =
      error.code === 'CW_DISK_IS_DIRECTORY' ||
      error.code === 'CW_DISK_NOT_EMPTY' ||
      error.code === 'CW_DISK_EXISTS';
    if (!isFolder) throw error;
    throw new CausewayError(
      'CW_COPY_KIND',
      'a folder stands at the destination where the source has a file',
      { cause: error },
    );
  }
}
