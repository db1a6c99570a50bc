import { toHex, utf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Name, parseName } from '../../base/path.ts';
import {
  decodeKnownContent,
  encodeKnownContent,
  type FileStamp,
  type KnownContent,
} from '../../wire/known_content.ts';
import type { Dir, Disk, DiskFile, Stat } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';

/** Which file it is, whatever its name. */
export type FileIdentity = Pick<FileStamp, 'inode' | 'deviceId'>;

/**
 * Remembers what the files of one side held when they were last read, so that they need not be read again to find out what
 * changed. A record counts for a file while size, both times, inode and device are those that it was made of.
 *
 * It is a memory and nothing else: what it has lost, or what is damaged, costs a reading. Its methods fail for no reason of
 * the disk. What a copy takes from it is verified by whole hashes before anything gets its name.
 */
export interface KnownFiles {
  /** Smaller files are not remembered. */
  readonly minFileBytes: number;
  find(stat: FileStamp): Promise<KnownContent | null>;
  /** Resolves once it was tried. */
  remember(content: KnownContent): Promise<void>;
  forget(file: FileIdentity): Promise<void>;
}

/** The world of a side that remembers files. */
export interface KnowingWorld extends World {
  readonly known?: KnownFiles;
}

const FOLDER = parseName('known');
/** Of a record that is being written. A crash may leave it; the next trim takes it away. */
const UNFINISHED = parseName('unfinished');
const NAME_BYTES = 16;
/** What is kept of a bound that is passed, so that not every new record makes room. */
const KEPT_SHARE = 15 / 16;

export interface KnownFolderParts {
  readonly disk: Pick<Disk, 'openRoot'>;
  /** Absolute; the records lie in `known/` below it. */
  readonly dataDirectory: string;
  /** Default LIMITS.knownFilesMax, LIMITS.knownFilesMaxBytes and LIMITS.knownFileMinBytes. */
  readonly bounds?: { readonly files: number; readonly bytes: number; readonly minFileBytes: number };
}

/** {@link KnownFiles} as one small file for each, named by inode and device. */
export class KnownFolder implements KnownFiles {
  readonly #parts: KnownFolderParts;
  readonly #bounds: { readonly files: number; readonly bytes: number; readonly minFileBytes: number };
  /** Changes go one after the other. */
  #last: Promise<void> = Promise.resolve();
  /** What may be added before it is counted again how much there is. */
  #room = { files: 0, bytes: 0 };

  constructor(parts: KnownFolderParts) {
    this.#parts = parts;
    this.#bounds = parts.bounds ?? {
      files: LIMITS.knownFilesMax.value,
      bytes: LIMITS.knownFilesMaxBytes.value,
      minFileBytes: LIMITS.knownFileMinBytes.value,
    };
  }

  get minFileBytes(): number {
    return this.#bounds.minFileBytes;
  }

  async find(stat: FileStamp): Promise<KnownContent | null> {
    return quietly(null, () =>
      this.#inFolder(async (dir) => {
        await using file = await dir.openFile(nameOf(stat), 'read');
        const record = await readRecord(file);
        const content = record && decodeKnownContent(record);
        return content && isSame(content.stamp, stat) ? content : null;
      }),
    );
  }

  remember(content: KnownContent): Promise<void> {
    const record = encodeKnownContent(content);
    if (record.byteLength > LIMITS.knownRecordMaxBytes.value) return this.forget(content.stamp);
    return this.#change(async (dir) => {
      await removed(dir, UNFINISHED);
      {
        await using file = await dir.openFile(UNFINISHED, 'create', 0o600);
        for (let done = 0; done < record.byteLength; ) {
          const count = await file.write(record.subarray(done), done);
          if (count <= 0) return;
          done += count;
        }
      }
      // not flushed: what a power cut leaves of it has another checksum, or an older stamp
      await dir.rename(UNFINISHED, dir, nameOf(content.stamp));
      this.#room = { files: this.#room.files - 1, bytes: this.#room.bytes - record.byteLength };
      if (this.#room.files < 0 || this.#room.bytes < 0) await this.#trim(dir);
    });
  }

  forget(file: FileIdentity): Promise<void> {
    return this.#change((dir) => removed(dir, nameOf(file)));
  }

  #change(work: (dir: Dir) => Promise<void>): Promise<void> {
    const next = this.#last.then(() => quietly(undefined, () => this.#inFolder(work)));
    this.#last = next.catch(() => undefined); // who asked for it sees its failure
    return next;
  }

  async #inFolder<T>(work: (dir: Dir) => Promise<T>): Promise<T> {
    await using parent = await this.#parts.disk.openRoot(this.#parts.dataDirectory);
    await using dir = await opened(parent);
    return await work(dir);
  }

  /** Where a bound is passed, removes what was put there first until a part of it is free again. */
  async #trim(dir: Dir): Promise<void> {
    const records: { readonly name: Name; readonly stat: Stat }[] = [];
    for await (const { name, kind } of dir.list())
      if (name !== null && kind === 'file') records.push({ name, stat: await dir.stat(name) });
    records.sort((a, b) => (a.stat.mtimeNs < b.stat.mtimeNs ? -1 : 1));
    const { files, bytes } = this.#bounds;
    let sum = records.reduce((total, { stat }) => total + stat.sizeBytes, 0);
    const isOver = records.length > files || sum > bytes;
    const kept = isOver ? { files: files * KEPT_SHARE, bytes: bytes * KEPT_SHARE } : { files, bytes };
    let gone = 0;
    for (const { name, stat } of records) {
      if (records.length - gone <= kept.files && sum <= kept.bytes) break;
      await removed(dir, name);
      sum -= stat.sizeBytes;
      gone += 1;
    }
    this.#room = { files: files - (records.length - gone), bytes: bytes - sum };
  }
}

const NS_PER_MS = 1_000_000n;

/** The five attributes of a file, and nothing else of it. */
export function stampOf({ sizeBytes, mtimeNs, ctimeNs, inode, deviceId }: FileStamp): FileStamp {
  return { sizeBytes, mtimeNs, ctimeNs, inode, deviceId };
}

/**
 * Whether a write to a file from now on leaves another modification time: the clock of file systems goes in steps, and a
 * second write in the step of the first one has the time of that.
 */
export function isSettled({ mtimeNs }: FileStamp, nowMs: number): boolean {
  return mtimeNs / NS_PER_MS + BigInt(LIMITS.knownRacyMarginMs.value) <= BigInt(Math.floor(nowMs));
}

function isSame(a: FileStamp, b: FileStamp): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.inode === b.inode &&
    a.deviceId === b.deviceId
  );
}

function nameOf({ inode, deviceId }: FileIdentity): Name {
  return parseName(toHex(hashBytes(utf8(`${deviceId} ${inode}`)).subarray(0, NAME_BYTES)));
}

async function opened(parent: Dir): Promise<Dir> {
  try {
    return await parent.openDir(FOLDER);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
  await parent.makeDir(FOLDER, 0o700).catch((failure) => {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
  });
  return parent.openDir(FOLDER);
}

async function readRecord(file: DiskFile): Promise<Uint8Array | null> {
  const { sizeBytes } = await file.stat();
  if (sizeBytes > LIMITS.knownRecordMaxBytes.value) return null;
  const record = new Uint8Array(sizeBytes);
  for (let done = 0; done < sizeBytes; ) {
    const count = await file.read(record.subarray(done), done);
    if (count === 0) return null;
    done += count;
  }
  return record;
}

async function removed(dir: Dir, name: Name): Promise<void> {
  try {
    await dir.removeFile(name);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}

/** A disk that does not do it is one that remembers nothing. */
async function quietly<T>(otherwise: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (asCausewayError(failure).code.startsWith('CW_DISK_')) return otherwise;
    throw failure;
  }
}

/** The same world, with a memory of files in the data folder of this side. */
export function knowing(world: World, dataDirectory: string): KnowingWorld {
  return { ...world, known: new KnownFolder({ disk: world.disk, dataDirectory }) };
}
