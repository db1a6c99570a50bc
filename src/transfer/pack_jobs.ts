import { equalBytes } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { HASH_BYTES, hashAt, hashBytes } from '../base/hash.ts';
import type { Name } from '../base/path.ts';
import type { Dir, DiskFile, Stat } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import { type OnMoved, readFully, writeFully } from './file_io.ts';
import { nowAndThen } from './job_progress.ts';
import { renameInto, settleFile } from './publish.ts';
import { sameFile } from './same_file.ts';

/** Why one file of a job could not be done. */
export interface JobFailure {
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

/** A small file to read: below which folder, where its bytes go, and what it was when it was planned. */
export interface PackedSource {
  readonly dir: number;
  readonly name: Name;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
}

export interface PackRead {
  /** One after the other, zeros for a file that was not read. */
  readonly hashes: Uint8Array;
  readonly changed: readonly { readonly at: number; readonly stat: Stat }[];
  readonly failures: readonly JobFailure[];
  readonly hashMs: number;
}

/** Reads whole small files into shared memory and hashes them; a file that is no longer the planned one is told. */
export const readPackJob: Job<
  { readonly dirs: readonly Dir[]; readonly files: readonly PackedSource[]; readonly into: Uint8Array },
  PackRead
> = {
  name: 'read-pack',
  async run({ dirs, files, into }, context) {
    const hashes = new Uint8Array(files.length * HASH_BYTES);
    const changed: { at: number; stat: Stat }[] = [];
    const failures: JobFailure[] = [];
    let hashMs = 0;
    const moved = nowAndThen(context);
    for (const [at, file] of files.entries()) {
      try {
        const bytes = into.subarray(file.offset, file.offset + file.sizeBytes);
        const stat = await readPlanned(dirs[file.dir]!, file, bytes, moved);
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

/** Null where the bytes are those of the planned file, else what stands there now. */
async function readPlanned(
  dir: Dir,
  file: PackedSource,
  into: Uint8Array,
  moved: OnMoved,
): Promise<Stat | null> {
  const opened = await dir.openFile(file.name, 'read');
  try {
    const before = await opened.stat();
    if (!sameFile(before, file)) return before;
    const count = await readFully(opened, into, 0, moved);
    const after = await opened.stat();
    return count === into.byteLength && sameFile(after, file) ? null : after;
  } finally {
    await opened.close();
  }
}

/** A small file to write: its temporary name and where its bytes lie. */
export interface PackedTarget {
  readonly name: Name;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Writes whole small files. With `hashes`, one that does not have its hash is not written and told in `mismatched`. */
export const writePackJob: Job<
  {
    readonly dir: Dir;
    readonly files: readonly PackedTarget[];
    readonly data: Uint8Array;
    readonly hashes: Uint8Array | null;
  },
  {
    readonly mismatched: readonly number[];
    readonly failures: readonly JobFailure[];
    readonly hashMs: number;
  }
> = {
  name: 'write-pack',
  async run({ dir, files, data, hashes }, context) {
    const mismatched: number[] = [];
    const failures: JobFailure[] = [];
    let hashMs = 0;
    const moved = nowAndThen(context);
    for (const [at, file] of files.entries()) {
      const bytes = data.subarray(file.offset, file.offset + file.lengthBytes);
      try {
        if (hashes !== null) {
          const since = context.clock.monotonicMs();
          const matches = equalBytes(hashBytes(bytes), hashAt(hashes, at));
          hashMs += context.clock.monotonicMs() - since;
          if (!matches) {
            mismatched.push(at);
            continue;
          }
        }
        await writeWhole(dir, file.name, bytes, moved);
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { mismatched, failures, hashMs };
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
    return await dir.openFile(name, 'create', 0o600);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
    return dir.openFile(name, 'append', 0o600);
  }
}

/** A small file that is written and flushed under its temporary name, and where it goes. */
export interface PackedFinish {
  readonly name: Name;
  readonly parent: number;
  readonly to: Name;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/** Reads small files back, sets mode and time, and renames them into place; `bad` do not have their hash. */
export const publishPackJob: Job<
  {
    readonly store: Dir;
    readonly parents: readonly Dir[];
    readonly files: readonly PackedFinish[];
    readonly hashes: Uint8Array;
    readonly trustContents: boolean;
  },
  { readonly bad: readonly number[]; readonly failures: readonly JobFailure[] }
> = {
  name: 'publish-pack',
  async run({ store, parents, files, hashes, trustContents }, context) {
    const bad: number[] = [];
    const failures: JobFailure[] = [];
    const moved = nowAndThen(context);
    for (const [at, file] of files.entries()) {
      try {
        const hash = trustContents ? null : hashAt(hashes, at);
        const isGood = await settle(store, file, hash, { scratch: context.scratch, moved });
        if (isGood) await renameInto(store, file.name, parents[file.parent]!, file.to);
        else bad.push(at);
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { bad, failures };
  },
};

async function settle(
  store: Dir,
  file: PackedFinish,
  hash: Uint8Array | null,
  context: Pick<JobContext, 'scratch' | 'moved'>,
): Promise<boolean> {
  const opened = await store.openFile(file.name, file.sizeBytes === 0 ? 'append' : 'write', 0o600);
  try {
    if (file.sizeBytes > 0) {
      const bytes = context.scratch(file.sizeBytes);
      const count = await readFully(opened, bytes, 0, context.moved);
      const matches = hash === null || (count === file.sizeBytes && equalBytes(hashBytes(bytes), hash));
      if (!matches) return false;
    }
    await settleFile(opened, file);
    return true;
  } finally {
    await opened.close();
  }
}

function failureAt(at: number, thrown: unknown): JobFailure {
  const { code, message } = asCausewayError(thrown);
  return { at, code, message };
}
