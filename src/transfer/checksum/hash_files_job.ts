import { HASH_BYTES, hashBytes } from '../../base/hash.ts';
import type { Name } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import { readFully } from '../file_io.ts';
import { nowAndThen } from '../job_progress.ts';

/** Small files, column by column. */
export interface WholeColumns {
  /** Which of the folders each is in. */
  readonly folders: Uint8Array;
  readonly names: readonly Name[];
  readonly sizes: Uint32Array;
}

/** Reads whole small files. Gives their hashes one after the other; `known` is 0 where a file could not be read or has another size. */
export const hashFilesJob: Job<
  { readonly dirs: readonly Dir[]; readonly files: WholeColumns },
  { readonly hashes: Uint8Array; readonly known: Uint8Array }
> = {
  name: 'hash-files',
  async run({ dirs, files }, context) {
    const { folders, names, sizes } = files;
    const hashes = new Uint8Array(names.length * HASH_BYTES);
    const known = new Uint8Array(names.length);
    const moved = nowAndThen(context);
    for (const [at, name] of names.entries()) {
      const sizeBytes = sizes[at]!;
      const bytes = context.scratch(sizeBytes + 1).subarray(0, sizeBytes + 1);
      try {
        const opened = await dirs[folders[at]!]!.openFile(name, 'read');
        try {
          if ((await readFully(opened, bytes, 0, moved)) !== sizeBytes) continue;
        } finally {
          await opened.close();
        }
      } catch {
        continue; // it counts as another content: it is copied then, and if that fails too the copy tells why
      }
      hashes.set(hashBytes(bytes.subarray(0, sizeBytes)), at * HASH_BYTES);
      known[at] = 1;
    }
    return { hashes, known };
  },
};
