import { concat, equalBytes, utf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { parseName } from '../../base/path.ts';
import { UNDO_MARK_BYTES, type UndoEntry } from '../../wire/undo_record.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import type { Job, JobContext } from '../../world/offload.ts';
import { readFully } from '../file_io.ts';
import type { JobFailure } from '../pack_jobs.ts';
import { hasInode, isNewByAttrs, sameEntry } from './identity.ts';
import { statOrNull } from './keep_job.ts';
import { keptName } from './store.ts';

/** What an undo did with one entry. */
export const RESTORE_OUTCOME = {
  /** It is as it was before the copy, without anything to do. */
  before: 0,
  /** The old entry has its name again. */
  restored: 1,
  /** The new entry was removed: nothing stood there. */
  removed: 2,
  /** Something else stands there: it was left. */
  changed: 3,
  /** The old entry is gone. */
  lost: 4,
  failed: 5,
} as const;

/** Takes back the entries of one folder, the last one first. Renames are not stable yet when it resolves. */
export const restoreJob: Job<
  {
    readonly store: Dir;
    readonly dir: Dir;
    readonly attempt: number;
    readonly chunkBytes: number;
    readonly entries: readonly UndoEntry[];
  },
  { readonly outcomes: Uint8Array; readonly failures: readonly JobFailure[] }
> = {
  name: 'undo-restore',
  async run({ store, dir, attempt, chunkBytes, entries }, context) {
    const outcomes = new Uint8Array(entries.length);
    const failures: JobFailure[] = [];
    for (let at = entries.length - 1; at >= 0; at -= 1) {
      try {
        outcomes[at] = await restoreOne({ store, dir, attempt, chunkBytes }, entries[at]!, context);
      } catch (failure) {
        const { code, message } = asCausewayError(failure);
        outcomes[at] = RESTORE_OUTCOME.failed;
        failures.push({ at, code, message });
      }
    }
    return { outcomes, failures };
  },
};

interface Place {
  readonly store: Dir;
  readonly dir: Dir;
  readonly attempt: number;
  readonly chunkBytes: number;
}

async function restoreOne(place: Place, entry: UndoEntry, context: JobContext): Promise<number> {
  const { store, dir, attempt } = place;
  const name = parseName(entry.name);
  const found = await statOrNull(dir, name);
  if (entry.kept === null) {
    if (found === null) return RESTORE_OUTCOME.before;
    if (!(await isNew(place, found, entry, context))) return RESTORE_OUTCOME.changed;
    await dir.removeFile(name);
    return RESTORE_OUTCOME.removed;
  }
  const as = keptName(attempt, entry.kept);
  const kept = await statOrNull(store, as);
  if (kept === null) {
    // an earlier undo has put it back; or it is lost, and then the new one stands there still
    if (found === null || hasInode(found, entry.keptInode)) return RESTORE_OUTCOME.before;
    return (await isNew(place, found, entry, context)) ? RESTORE_OUTCOME.lost : RESTORE_OUTCOME.before;
  }
  if (found !== null && sameEntry(found, kept)) {
    await store.removeFile(as); // two names of one entry: a rename would leave both
    return RESTORE_OUTCOME.before;
  }
  if (found !== null && !(await isNew(place, found, entry, context))) return RESTORE_OUTCOME.changed;
  await store.rename(as, dir, name);
  return RESTORE_OUTCOME.restored;
}

/** Whether what stands there is what the copy put there; content that differs is read once more before it counts as changed. */
async function isNew(place: Place, found: Stat, entry: UndoEntry, context: JobContext): Promise<boolean> {
  const told = isNewByAttrs(found, entry);
  if (told !== 'perhaps') return told === 'yes';
  return (await hasContent(place, entry, context)) || hasContent(place, entry, context);
}

async function hasContent(
  { dir, chunkBytes }: Place,
  entry: UndoEntry,
  context: JobContext,
): Promise<boolean> {
  const name = parseName(entry.name);
  if (entry.kind === 'symlink') return hasMark(utf8(await dir.readLink(name)), entry.mark);
  const file = await dir.openFile(name, 'read');
  try {
    const pieceBytes = entry.byChunks ? chunkBytes : entry.sizeBytes;
    const buffer = context.scratch(pieceBytes);
    const hashes: Uint8Array[] = [];
    for (let offset = 0; offset < entry.sizeBytes; offset += pieceBytes) {
      const piece = buffer.subarray(0, Math.min(pieceBytes, entry.sizeBytes - offset));
      if ((await readFully(file, piece, offset)) < piece.byteLength) return false;
      if (!entry.byChunks) return hasMark(piece, entry.mark);
      hashes.push(hashBytes(piece));
      context.moved(piece.byteLength);
    }
    return hasMark(concat(hashes), entry.mark);
  } finally {
    await file.close();
  }
}

function hasMark(bytes: Uint8Array, mark: Uint8Array): boolean {
  return equalBytes(hashBytes(bytes).subarray(0, UNDO_MARK_BYTES), mark);
}
