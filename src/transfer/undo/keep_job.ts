import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import { UNDO_INODE_BYTES } from '../../wire/undo_record.ts';
import type { Dir, DiskFile, Stat } from '../../world/disk.ts';
import type { Job, JobContext } from '../../world/offload.ts';
import { readFully, writeFully } from '../file_io.ts';
import type { JobFailure } from '../pack_jobs.ts';
import { inodeMark } from './identity.ts';
import { keptName, unsureName } from './store.ts';
import { orRefused } from './xattr_changes.ts';

/** What became of one entry: nothing stood there, it has a second name, it was copied, it failed, or the quota is used up. */
export const KEEP_OUTCOME = { nothing: 0, linked: 1, copied: 2, failed: 3, over: 4 } as const;

export interface KeepResult {
  readonly outcomes: Uint8Array;
  readonly bytes: Float64Array;
  /** Of what is kept, {@link UNDO_INODE_BYTES} each. */
  readonly inodes: Uint8Array;
  readonly failures: readonly JobFailure[];
}

/** Entries that are about to be replaced, column by column. */
export interface KeepColumns {
  /** Which of the folders each is in. */
  readonly folders: Uint8Array;
  readonly names: readonly Name[];
}

/**
 * Keeps what stands under these names, without taking it away from there: by a second name, or by a copy where the file
 * system gives none. Ends at the first entry that would take more than `budgetBytes`: it and all behind it are `over`.
 */
export const keepJob: Job<
  {
    readonly store: Dir;
    readonly parents: readonly Dir[];
    readonly entries: KeepColumns;
    readonly attempt: number;
    /** Number of the first entry; the others count on from it. */
    readonly first: number;
    readonly budgetBytes: number;
  },
  KeepResult
> = {
  name: 'undo-keep',
  async run({ store, parents, entries, attempt, first, budgetBytes }, context) {
    const { names, folders } = entries;
    const outcomes = new Uint8Array(names.length);
    const bytes = new Float64Array(names.length);
    const inodes = new Uint8Array(names.length * UNDO_INODE_BYTES);
    const failures: JobFailure[] = [];
    let left = budgetBytes;
    for (const [at, name] of names.entries()) {
      const number = first + at;
      const spot: Spot = { dir: parents[folders[at]!]!, name, store, attempt, number };
      try {
        const kept = await keepOne(spot, left, context);
        outcomes[at] = kept.outcome;
        bytes[at] = kept.bytes;
        left -= kept.bytes;
        if (kept.inode !== '') inodes.set(inodeMark(kept.inode), at * UNDO_INODE_BYTES);
        if (kept.outcome !== KEEP_OUTCOME.over) continue;
        outcomes.fill(KEEP_OUTCOME.over, at);
        break;
      } catch (failure) {
        const { code, message } = asCausewayError(failure);
        outcomes[at] = KEEP_OUTCOME.failed;
        failures.push({ at, code, message });
      }
    }
    return { outcomes, bytes, inodes, failures };
  },
};

interface Spot {
  readonly dir: Dir;
  readonly name: Name;
  readonly store: Dir;
  readonly attempt: number;
  readonly number: number;
}

interface Kept {
  readonly outcome: number;
  readonly bytes: number;
  /** Of what is kept, else empty. */
  readonly inode: string;
}

const NOTHING: Kept = { outcome: KEEP_OUTCOME.nothing, bytes: 0, inode: '' };
const OVER: Kept = { outcome: KEEP_OUTCOME.over, bytes: 0, inode: '' };

async function keepOne(spot: Spot, leftBytes: number, context: JobContext): Promise<Kept> {
  const { store, attempt, number } = spot;
  const as = keptName(attempt, number);
  switch (await linkOne(spot, as, context)) {
    case 'missing':
      return NOTHING;
    case 'refused':
      return copyOne(spot, leftBytes, context);
    case 'linked': {
      const stat = await store.stat(as);
      const bytes = heldBytes(stat);
      if (bytes <= leftBytes) return { outcome: KEEP_OUTCOME.linked, bytes, inode: stat.inode };
      await store.removeFile(as);
      return OVER;
    }
  }
}

async function linkOne(
  { dir, name, store }: Spot,
  as: Name,
  { whole }: JobContext,
): Promise<'linked' | 'missing' | 'refused'> {
  if (whole !== null) return whole.link(dir, name, store, as);
  if (dir.caps.links === null) return 'refused';
  try {
    await dir.caps.links.link(name, store, as);
    return 'linked';
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_NOT_FOUND') return 'missing';
    if (code === 'CW_DISK_PERMISSION' || code === 'CW_UNSUPPORTED' || code === 'CW_DISK_CROSS_DEVICE')
      return 'refused';
    throw failure;
  }
}

/** What a kept entry takes from the device. */
export function heldBytes(stat: Stat): number {
  return stat.kind === 'file' ? stat.allocatedBytes : 0;
}

async function copyOne(spot: Spot, leftBytes: number, context: JobContext): Promise<Kept> {
  const { dir, name, store, attempt, number } = spot;
  const stat = await statOrNull(dir, name);
  // a folder is not replaced by a file: the rename says so
  if (stat === null || stat.kind === 'directory') return NOTHING;
  // another file system is mounted below: a rename into it fails, so that nothing is replaced
  if (stat.deviceId !== (await store.self()).deviceId) return NOTHING;
  const as = unsureName(attempt, number);
  if (stat.kind === 'symlink') {
    await store.makeSymlink(as, await dir.readLink(name));
    await store.setAttrs(as, { mtimeNs: stat.mtimeNs });
    return { outcome: KEEP_OUTCOME.copied, bytes: 0, inode: (await store.stat(as)).inode };
  }
  if (stat.kind === 'other')
    throw new CausewayError('CW_UNDO_IMPOSSIBLE', 'a special file cannot be kept on this file system');
  if (stat.sizeBytes > leftBytes) return OVER;
  await using from = await dir.openFile(name, 'read');
  await using to = await store.openFile(as, 'create', 0o600);
  await copyFile(from, to, stat, context);
  const { inode } = await store.stat(as);
  return { outcome: KEEP_OUTCOME.copied, bytes: stat.sizeBytes, inode };
}

async function copyFile(from: DiskFile, to: DiskFile, stat: Stat, context: JobContext): Promise<void> {
  if (!(await reflinked(from, to, stat.sizeBytes))) await copyBytes(from, to, context);
  await copyXattrs(from, to);
  await setOwner(to, stat);
  await to.setAttrs({ mode: stat.mode, mtimeNs: stat.mtimeNs });
  await to.datasync();
}

async function reflinked(from: DiskFile, to: DiskFile, sizeBytes: number): Promise<boolean> {
  if (to.caps.copies === null) return false;
  try {
    await to.caps.copies.reflink(from, 0, 0, sizeBytes);
    return true;
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code !== 'CW_UNSUPPORTED' && code !== 'CW_DISK_CROSS_DEVICE') throw failure;
    return false;
  }
}

const COPY_BYTES = 1024 * 1024;

async function copyBytes(from: DiskFile, to: DiskFile, context: JobContext): Promise<void> {
  const buffer = context.scratch(COPY_BYTES).subarray(0, COPY_BYTES);
  for (let offset = 0; ; ) {
    const count = await readFully(from, buffer, offset);
    if (count === 0) return;
    await writeFully(to, buffer.subarray(0, count), offset);
    context.moved(count);
    offset += count;
  }
}

async function copyXattrs(from: DiskFile, to: DiskFile): Promise<void> {
  const [source, target] = [from.caps.xattrs, to.caps.xattrs];
  if (source === null || target === null) return;
  const names = await orRefused(() => source.list(), []);
  for (const name of names) {
    const value = await source.get(name);
    if (value !== null) await target.set(name, value);
  }
}

/** Who is not root cannot give the copy to the owner of the original: the content is kept all the same. */
async function setOwner(to: DiskFile, { userId, groupId }: Stat): Promise<void> {
  const own = await to.stat();
  if (own.userId === userId && own.groupId === groupId) return;
  try {
    await to.setAttrs({ userId, groupId });
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_PERMISSION') throw failure;
  }
}

export async function statOrNull(dir: Dir, name: Name): Promise<Stat | null> {
  try {
    return await dir.stat(name);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
