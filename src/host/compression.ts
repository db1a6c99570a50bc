import { LIMITS } from '../base/limits.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import type { CopyOptions } from '../wire/copy_types.ts';

/** Beyond it the work grows much faster than what it saves. */
const ARCHIVE_LEVEL = 12;

/** How large the messages of a copy are, and how they are compressed. */
export function compressionOf({
  profile,
  chunkBytes,
  compress = profile === 'archive' ? ARCHIVE_LEVEL : 'auto',
}: StartJobRequest): Pick<CopyOptions, 'chunkBytes' | 'compress'> {
  const { chunkDefaultBytes, chunkMaxBytes } = LIMITS;
  const largePacks = profile === 'archive';
  return {
    chunkBytes: chunkBytes ?? (largePacks ? chunkMaxBytes : chunkDefaultBytes).value,
    ...(compress !== 'off' && { compress: { level: compress === 'auto' ? 0 : compress, largePacks } }),
  };
}
