import { asCausewayError } from '../base/errors.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { DiskFile } from '../world/disk.ts';
import type { BlockNotes } from './known/block_notes.ts';
import type { KnownBases } from './known/known_bases.ts';
import type { MetadataRules, Missing } from './metadata.ts';
import type { PartialStore } from './partial_store.ts';
import { renameInto, settleFile } from './publish.ts';
import { badChunks, type ReadBack } from './read_back.ts';
import type { WriteTarget } from './sink_writer.ts';
import { temporaryOf } from './temporary_name.ts';

export interface LargeFinish {
  readonly store: PartialStore;
  readonly dirs: DirCache;
  readonly readBack: ReadBack;
  readonly rules: MetadataRules;
  /** Null: what was read is not remembered. */
  readonly known: KnownBases | null;
}

/**
 * Re-reads every chunk of a flushed file and gives the indexes of those that do not match. Where all do, the file gets its
 * metadata on the same handle, since a mode without write permission would lock out the repair of a bad chunk, and then
 * its name. Errors are CW_DISK_*, CW_COPY_KIND.
 */
export async function finishLarge(
  target: WriteTarget,
  { store, dirs, readBack, rules, known }: LargeFinish,
): Promise<{ readonly bad: readonly number[]; readonly missing: Missing }> {
  const isEmpty = target.chunks.count === 0; // of such a file nothing was written yet
  const temporary = temporaryOf(target);
  const file = await store.dir.openFile(temporary, isEmpty ? 'append' : 'write', 0o600);
  try {
    const notes = known?.begin(target) ?? null;
    const bad = await badChunks(file, target, readBack, notes);
    if (bad.length > 0) return { bad, missing: [] };
    const { sizeBytes } = target.entry;
    const missing = await settleFile(file, sizeBytes, rules.of(target.entry));
    await readBack.meter.run('publish', 0, () =>
      dirs.useParent(target.target, (dir, name) => renameInto(store.dir, temporary, dir, name)),
    );
    if (notes !== null) await remember(known!, target, { notes, file });
    return { bad, missing };
  } finally {
    await file.close();
  }
}

/** The file is in place: what cannot be remembered of it is no failure of the copy. */
async function remember(
  known: KnownBases,
  { index }: WriteTarget,
  { notes, file }: { readonly notes: BlockNotes; readonly file: DiskFile },
): Promise<void> {
  try {
    await known.published(index, notes, file);
  } catch (failure) {
    if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
  }
}
