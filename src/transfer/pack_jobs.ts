import { equalBytes } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { HASH_BYTES, hashAt, hashBytes } from '../base/hash.ts';
import type { Name } from '../base/path.ts';
import type { Dir, DiskFile, Stat } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import { readFully, writeFully } from './file_io.ts';
import { nowAndThen } from './job_progress.ts';
import { type FinalAttrs, namingKinds, renameInto, settleFile } from './publish.ts';
import { type FileState, sameFile } from './same_file.ts';
import { temporaryName } from './temporary_name.ts';

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
  readonly folders: Uint8Array;
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
  { readonly dirs: readonly Dir[]; readonly files: SourceColumns; readonly into: Uint8Array },
  PackRead
> = {
  name: 'read-pack',
  async run({ dirs, files, into }, context) {
    const { names, folders, sizes, mtimesNs, ctimesNs, inodes } = files;
    const hashes = new Uint8Array(names.length * HASH_BYTES);
    const changed: { at: number; stat: Stat }[] = [];
    const failures: JobFailure[] = [];
    const ways = { whole: context.whole, moved: nowAndThen(context) };
    let hashMs = 0;
    let offset = 0;
    for (const [at, name] of names.entries()) {
      const sizeBytes = sizes[at]!;
      const bytes = into.subarray(offset, offset + sizeBytes);
      offset += sizeBytes;
      const planned = { sizeBytes, mtimeNs: mtimesNs[at]!, ctimeNs: ctimesNs[at]!, inode: inodes[at]! };
      try {
        const stat = await readPlanned({ dir: dirs[folders[at]!]!, name }, planned, bytes, ways);
        if (stat !== null) {
          changed.push({ at, stat });
          continue;
        }
        const since = context.clock.monotonicMs();
        hashes.set(hashBytes(bytes), at * HASH_BYTES);
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
  { dir, name }: { readonly dir: Dir; readonly name: Name },
  planned: FileState,
  into: Uint8Array,
  { whole, moved }: Ways,
): Promise<Stat | null> {
  if (whole !== null) {
    const found = whole.read(dir, name, into, (stat) => sameFile(stat, planned));
    moved(into.byteLength);
    return found;
  }
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

export interface PackWritten {
  readonly mismatched: readonly number[];
  readonly failures: readonly JobFailure[];
  readonly hashMs: number;
}

/** Writes whole small files. With `hashes`, one that does not have its hash is not written and told in `mismatched`. */
export const writePackJob: Job<
  {
    readonly dir: Dir;
    readonly files: TargetColumns;
    readonly data: Uint8Array;
    readonly hashes: Uint8Array | null;
  },
  PackWritten
> = {
  name: 'write-pack',
  async run({ dir, files, data, hashes }, context) {
    const mismatched: number[] = [];
    const failures: JobFailure[] = [];
    const ways = { whole: context.whole, moved: nowAndThen(context) };
    let hashMs = 0;
    for (const [at, sizeBytes] of files.sizes.entries()) {
      const offset = files.offsets[at]!;
      const bytes = data.subarray(offset, offset + sizeBytes);
      try {
        const since = context.clock.monotonicMs();
        const matches = hashes === null || equalBytes(hashBytes(bytes), hashAt(hashes, at));
        if (hashes !== null) hashMs += context.clock.monotonicMs() - since;
        if (matches) await writeWhole(dir, temporaryName(files.keys, at), bytes, ways);
        else mismatched.push(at);
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { mismatched, failures, hashMs };
  },
};

async function writeWhole(dir: Dir, name: Name, bytes: Uint8Array, { whole, moved }: Ways): Promise<void> {
  if (whole !== null) {
    whole.write(dir, name, bytes, PERMISSION);
    return moved(bytes.byteLength);
  }
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
  readonly parents: Uint8Array;
  readonly names: readonly Name[];
  readonly sizes: Uint32Array;
  readonly modes: Uint16Array;
  readonly mtimesNs: BigInt64Array;
  readonly hashes: Uint8Array;
}

/** Reads small files back, sets mode and time, and renames them into place; `bad` do not have their hash. */
export const publishPackJob: Job<
  {
    readonly store: Dir;
    readonly parents: readonly Dir[];
    readonly files: FinishColumns;
    readonly trustContents: boolean;
  },
  { readonly bad: readonly number[]; readonly failures: readonly JobFailure[] }
> = {
  name: 'publish-pack',
  async run({ store, parents, files, trustContents }, context) {
    const bad: number[] = [];
    const failures: JobFailure[] = [];
    const ways = { whole: context.whole, moved: nowAndThen(context) };
    for (const [at, to] of files.names.entries()) {
      const sizeBytes = files.sizes[at]!;
      const piece: Piece = {
        from: { dir: store, name: temporaryName(files.keys, at) },
        to: { dir: parents[files.parents[at]!]!, name: to },
        attrs: { sizeBytes, mode: files.modes[at]!, mtimeNs: files.mtimesNs[at]! },
        bytes: context.scratch(sizeBytes),
        hash: trustContents ? null : hashAt(files.hashes, at),
      };
      try {
        if (!(await publishOne(piece, ways))) bad.push(at);
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { bad, failures };
  },
};

interface Spot {
  readonly dir: Dir;
  readonly name: Name;
}

interface Piece {
  readonly from: Spot;
  readonly to: Spot;
  readonly attrs: FinalAttrs;
  /** Memory for the whole file. */
  readonly bytes: Uint8Array;
  /** Null: whatever was written is taken as right. */
  readonly hash: Uint8Array | null;
}

/** False where the file does not have its hash. */
async function publishOne({ from, to, attrs, bytes, hash }: Piece, ways: Ways): Promise<boolean> {
  const accept = (read: Uint8Array, count: number) =>
    hash === null || (count === attrs.sizeBytes && equalBytes(hashBytes(read), hash));
  if (ways.whole !== null) {
    ways.moved(bytes.byteLength);
    return namingKinds(async () => ways.whole!.finish(from, bytes, accept, { ...to, attrs }));
  }
  const opened = await from.dir.openFile(from.name, attrs.sizeBytes === 0 ? 'append' : 'write', PERMISSION);
  try {
    const count = await readFully(opened, bytes, 0, ways.moved);
    if (attrs.sizeBytes > 0 && !accept(bytes, count)) return false;
    await settleFile(opened, attrs);
  } finally {
    await opened.close();
  }
  await renameInto(from.dir, from.name, to.dir, to.name);
  return true;
}

function failureAt(at: number, thrown: unknown): JobFailure {
  const { code, message } = asCausewayError(thrown);
  return { at, code, message };
}
