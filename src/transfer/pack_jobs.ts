import { asCausewayError } from '../base/errors.ts';
import { HASH_BYTES, hasHashAt, putHash } from '../base/hash.ts';
import type { Name, RelPath } from '../base/path.ts';
import type { AttrPatch, Dir, DiskFile, Stat } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import type { FileState, WholeFiles } from '../world/whole_files.ts';
import { type OnMoved, readFully, writeFully } from './file_io.ts';
import { FolderRow } from './job_folders.ts';
import { nowAndThen } from './job_progress.ts';
import { isRefusal, type Metadata, type Missing, ownerMissing } from './metadata.ts';
import { type Owner, withoutSetId } from './ownership.ts';
import { namingKind, renameInto, settleFile } from './publish.ts';
import { sameFile } from './same_file.ts';
import { temporaryNames } from './temporary_name.ts';

/** Until a file has its own mode, only its owner sees it. */
const PERMISSION = 0o600;

/** Why one file of a job could not be done. */
export interface JobFailure {
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

/** Small files to read, column by column: an object for each would cost more to hand over than its file to read. */
export interface SourceColumns {
  /** Which of the folders each is in. */
  readonly folders: Uint16Array;
  readonly names: readonly Name[];
  readonly sizes: Uint32Array;
  readonly mtimesNs: BigInt64Array;
  readonly ctimesNs: BigInt64Array;
  readonly inodes: readonly string[];
}

export interface PackRead {
  /** One after the other, zeros for a file that was not read. */
  readonly hashes: Uint8Array;
  readonly changed: readonly { readonly at: number; readonly stat: Stat }[];
  readonly failures: readonly JobFailure[];
  readonly hashMs: number;
}

/**
 * Reads whole small files into shared memory, one after the other, and hashes them; a file that is no longer the planned
 * one is told.
 */
export const readPackJob: Job<
  {
    readonly root: Dir;
    readonly folders: readonly RelPath[];
    readonly files: SourceColumns;
    readonly into: Uint8Array;
  },
  PackRead
> = {
  name: 'read-pack',
  async run({ root, folders: paths, files, into }, context) {
    const { names, folders, sizes, mtimesNs, ctimesNs, inodes } = files;
    await using open = new FolderRow(root, paths);
    const hashes = new Uint8Array(names.length * HASH_BYTES);
    const changed: { at: number; stat: Stat }[] = [];
    const failures: JobFailure[] = [];
    const ways = { whole: context.whole, moved: nowAndThen(context) };
    let hashMs = 0;
    let offset = 0;
    for (let at = 0; at < names.length; at += 1) {
      const sizeBytes = sizes[at]!;
      const bytes = into.subarray(offset, offset + sizeBytes);
      offset += sizeBytes;
      const planned = { sizeBytes, mtimeNs: mtimesNs[at]!, ctimeNs: ctimesNs[at]!, inode: inodes[at]! };
      const name = names[at]!;
      try {
        const dir = open.last(folders[at]!) ?? (await open.at(folders[at]!));
        const read = ways.whole === null ? readPlanned({ dir, name }, planned, bytes, ways.moved) : null;
        const stat = read === null ? ways.whole!.read(dir, name, bytes, planned) : await read;
        if (read === null) ways.moved(sizeBytes);
        if (stat !== null) {
          changed.push({ at, stat });
          continue;
        }
        const since = context.clock.monotonicMs();
        putHash(bytes, hashes, at);
        hashMs += context.clock.monotonicMs() - since;
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { hashes, changed, failures, hashMs };
  },
};

/** How a thread does its work: the short way where it has one, and whom to tell of progress. */
type Ways = Pick<JobContext, 'whole' | 'moved'>;

/** Null where the bytes are those of the planned file, else what stands there now. */
async function readPlanned(
  { dir, name }: Spot,
  planned: FileState,
  into: Uint8Array,
  moved: OnMoved,
): Promise<Stat | null> {
  const opened = await dir.openFile(name, 'read');
  try {
    const before = await opened.stat();
    if (!sameFile(before, planned)) return before;
    const count = await readFully(opened, into, 0, moved);
    const after = await opened.stat();
    return count === into.byteLength && sameFile(after, planned) ? null : after;
  } finally {
    await opened.close();
  }
}

/** Small files to write: the keys of their temporary names one after the other, and where their bytes lie. */
export interface TargetColumns {
  readonly keys: Uint8Array;
  readonly offsets: Uint32Array;
  readonly sizes: Uint32Array;
}

/** Writes whole small files. Whether they are what they should be is seen when they are read back. */
export const writePackJob: Job<
  { readonly dir: Dir; readonly files: TargetColumns; readonly data: Uint8Array },
  { readonly failures: readonly JobFailure[] }
> = {
  name: 'write-pack',
  async run({ dir, files, data }, context) {
    const { keys, offsets, sizes } = files;
    const failures: JobFailure[] = [];
    const { whole } = context;
    const moved = nowAndThen(context);
    const nameAt = temporaryNames(keys);
    for (let at = 0; at < sizes.length; at += 1) {
      const offset = offsets[at]!;
      const bytes = data.subarray(offset, offset + sizes[at]!);
      const name = nameAt(at);
      try {
        if (whole === null) await writeWhole(dir, name, bytes, moved);
        else {
          whole.write(dir, name, bytes, PERMISSION);
          moved(bytes.byteLength);
        }
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { failures };
  },
};

async function writeWhole(dir: Dir, name: Name, bytes: Uint8Array, moved: OnMoved): Promise<void> {
  const file = await openTemporary(dir, name);
  try {
    await writeFully(file, bytes, 0, moved);
  } finally {
    await file.close();
  }
}

/** New as a rule; what an earlier attempt has left is written over. */
async function openTemporary(dir: Dir, name: Name): Promise<DiskFile> {
  try {
    return await dir.openFile(name, 'create', PERMISSION);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
    return dir.openFile(name, 'append', PERMISSION);
  }
}

/** Small files that are written and flushed under their temporary names, and where they go. */
export interface FinishColumns {
  readonly keys: Uint8Array;
  /** Which of the folders each goes to. */
  readonly parents: Uint16Array;
  readonly names: readonly Name[];
  readonly sizes: Uint32Array;
  readonly modes: Uint16Array;
  readonly mtimesNs: BigInt64Array;
  /** User and group of each; null where all have the right ones by themselves. */
  readonly owners: Uint32Array | null;
  readonly hashes: Uint8Array;
}

/** In the place of a user or group that stays as it is; no real one has that number. */
export const SAME_OWNER = 0xffff_ffff;

/**
 * Reads small files back, sets owner, mode and time, and renames them into place; `bad` do not have their hash, `missing`
 * are in place but lack something.
 */
export const publishPackJob: Job<
  {
    readonly store: Dir;
    readonly root: Dir;
    readonly folders: readonly RelPath[];
    readonly files: FinishColumns;
    readonly trustContents: boolean;
  },
  {
    readonly bad: readonly number[];
    readonly failures: readonly JobFailure[];
    readonly missing: readonly { readonly at: number; readonly missing: Missing }[];
  }
> = {
  name: 'publish-pack',
  async run({ store, root, folders, files, trustContents }, context) {
    const bad: number[] = [];
    const failures: JobFailure[] = [];
    const lacking: { at: number; missing: Missing }[] = [];
    const ways = { whole: context.whole, moved: nowAndThen(context) };
    const nameAt = temporaryNames(files.keys);
    await using open = new FolderRow(root, folders);
    for (let at = 0; at < files.names.length; at += 1) {
      const sizeBytes = files.sizes[at]!;
      const parent = files.parents[at]!;
      try {
        const piece: Piece = {
          from: { dir: store, name: nameAt(at) },
          to: { dir: open.last(parent) ?? (await open.at(parent)), name: files.names[at]! },
          sizeBytes,
          metadata: {
            mode: files.modes[at]!,
            mtimeNs: files.mtimesNs[at]!,
            owner: files.owners === null ? null : ownerAt(files.owners, at),
            xattrs: NO_XATTRS,
          },
          bytes: context.scratch(sizeBytes),
          hashes: trustContents ? null : files.hashes,
          at,
        };
        const missing = ways.whole === null ? await publishOne(piece, ways.moved) : publishWhole(piece, ways);
        if (missing === null) bad.push(at);
        else if (missing.length > 0) lacking.push({ at, missing });
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { bad, failures, missing: lacking };
  },
};

interface Spot {
  readonly dir: Dir;
  readonly name: Name;
}

interface Piece {
  readonly from: Spot;
  readonly to: Spot;
  readonly sizeBytes: number;
  readonly metadata: Metadata;
  /** Memory for the whole file. */
  readonly bytes: Uint8Array;
  /** Its hash is the one at this place; null: whatever was written is taken as right. */
  readonly hashes: Uint8Array | null;
  readonly at: number;
}

const NO_XATTRS: Metadata['xattrs'] = [];
const NOTHING_MISSING: Missing = [];

/** Null: it stays as it is. */
export function ownerAt(owners: Uint32Array, at: number): Owner | null {
  const userId = owners[2 * at]!;
  return userId === SAME_OWNER ? null : { userId, groupId: owners[2 * at + 1]! };
}

/** What the file lacks; null where it does not have its hash. */
async function publishOne(piece: Piece, moved: OnMoved): Promise<Missing | null> {
  const { from, to, sizeBytes, metadata, bytes } = piece;
  let missing: Missing;
  const opened = await from.dir.openFile(from.name, sizeBytes === 0 ? 'append' : 'write', PERMISSION);
  try {
    const count = await readFully(opened, bytes, 0, moved);
    if (sizeBytes > 0 && !isRight(piece, bytes, count)) return null;
    missing = await settleFile(opened, sizeBytes, metadata);
  } finally {
    await opened.close();
  }
  await renameInto(from.dir, from.name, to.dir, to.name);
  return missing;
}

function publishWhole(piece: Piece, { whole, moved }: Ways): Missing | null {
  const { mode, mtimeNs, owner } = piece.metadata;
  moved(piece.bytes.byteLength);
  const finish = (attrs: AttrPatch) => finishWhole(piece, attrs, whole!);
  if (owner === null) return finish({ mode, mtimeNs }) ? NOTHING_MISSING : null;
  try {
    return finish({ ...owner, mode, mtimeNs }) ? NOTHING_MISSING : null;
  } catch (failure) {
    const { code, message } = asCausewayError(failure);
    if (!isRefusal(code)) throw failure;
    // without an owner it fails again where something else was refused
    return finish({ mode: withoutSetId(mode), mtimeNs }) ? [ownerMissing(owner, message)] : null;
  }
}

function finishWhole(piece: Piece, attrs: AttrPatch, whole: WholeFiles): boolean {
  const { from, to, bytes } = piece;
  try {
    return whole.finish(from, bytes, (read, count) => isRight(piece, read, count), { ...to, attrs });
  } catch (failure) {
    throw namingKind(failure);
  }
}

function isRight({ hashes, at, sizeBytes }: Piece, read: Uint8Array, count: number): boolean {
  return hashes === null || (count === sizeBytes && hasHashAt(read, hashes, at));
}

function failureAt(at: number, thrown: unknown): JobFailure {
  const { code, message } = asCausewayError(thrown);
  return { at, code, message };
}
