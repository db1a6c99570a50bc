import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { Name } from '../base/path.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import { giveMetadata, type Metadata, type Missing } from './metadata.ts';

/**
 * Cuts what is too much, then gives the file its metadata; what the destination does not take of that is told. This comes
 * last, on the handle that was read back: a mode without write permission would lock out the repair of a bad chunk.
 */
export async function settleFile(file: DiskFile, sizeBytes: number, metadata: Metadata): Promise<Missing> {
  if ((await file.stat()).sizeBytes > sizeBytes) {
    await file.truncate(sizeBytes);
    await file.datasync();
  }
  const { xattrs } = file.caps;
  return giveMetadata({ xattrs, setAttrs: (patch) => file.setAttrs(patch) }, metadata);
}

/** Gives a complete file its name. CW_COPY_KIND where a folder stands there. */
export async function renameInto(store: Dir, temporary: Name, dir: Dir, name: Name): Promise<void> {
  try {
    await store.rename(temporary, dir, name);
  } catch (failure) {
    throw namingKind(failure);
  }
}

/** The error of a rename in the words of a copy: CW_COPY_KIND where a folder stands at the destination. */
export function namingKind(failure: unknown): CausewayError {
  const error = asCausewayError(failure);
  const isFolder =
    error.code === 'CW_DISK_IS_DIRECTORY' ||
    error.code === 'CW_DISK_NOT_EMPTY' ||
    error.code === 'CW_DISK_EXISTS';
  if (!isFolder) return error;
  return new CausewayError('CW_COPY_KIND', 'a folder stands at the destination where the source has a file', {
    cause: error,
  });
}
