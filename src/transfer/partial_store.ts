import { toHex } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, parseName } from '../base/path.ts';
import { encodeJournalRecord, type JournalRecord, journalMagic } from '../wire/journal.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import { PARTIAL_FOLDER, UNDO_FOLDER } from './destination.ts';
import { readFully, writeFully } from './file_io.ts';
import { isRefusal } from './metadata.ts';

const JOURNAL = parseName('journal');
const FOLDER = parseName(PARTIAL_FOLDER);

/**
 * What one unfinished copy keeps beside its destination: `.causeway/<transfer id>/` with a journal and one file for
 * each incomplete file. Nothing in it is trusted without a hash.
 */
export class PartialStore {
  readonly dir: Dir;
  readonly #parent: Dir;
  readonly #folder: Dir;
  readonly #name: Name;
  readonly #journal: DiskFile;
  #journalEnd: number;
  #pending: Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: {
    parent: Dir;
    folder: Dir;
    name: Name;
    dir: Dir;
    journal: DiskFile;
    journalEnd: number;
  }) {
    this.dir = parts.dir;
    this.#parent = parts.parent;
    this.#folder = parts.folder;
    this.#name = parts.name;
    this.#journal = parts.journal;
    this.#journalEnd = parts.journalEnd;
  }

  /** Opens or makes the store in `parent`; `fresh` tells which. Throws CW_DISK_*. */
  static async open(
    parent: Dir,
    transferId: Uint8Array,
  ): Promise<{ store: PartialStore; journalBytes: number; fresh: boolean }> {
    const name = parseName(toHex(transferId));
    await makeIfMissing(parent, FOLDER);
    const folder = await parent.openDir(FOLDER);
    try {
      await makeIfMissing(folder, name);
      const dir = await folder.openDir(name);
      await removeDefaultAccessList(dir);
      const journal = await dir.openFile(JOURNAL, 'append', 0o600);
      const journalBytes = (await journal.stat()).sizeBytes;
      await dir.sync();
      await folder.sync();
      await parent.sync();
      const store = new PartialStore({ parent, folder, name, dir, journal, journalEnd: journalBytes });
      return { store, journalBytes, fresh: journalBytes === 0 };
    } catch (failure) {
      await folder.close();
      throw failure;
    }
  }

  /** Space that an unfinished copy takes in `parent`, in bytes; 0 where there is none. */
  static async sizeOf(parent: Dir, transferId: Uint8Array): Promise<number> {
    const bytes = await withFolder(parent, async (folder) => {
      const dir = await orNull(() => folder.openDir(parseName(toHex(transferId))));
      if (dir === null) return 0;
      try {
        let sum = 0;
        for await (const entry of dir.list())
          if (entry.name !== null) sum += (await dir.stat(entry.name)).allocatedBytes;
        return sum;
      } finally {
        await dir.close();
      }
    });
    return bytes ?? 0;
  }

  /** Reads a piece of the journal; fewer bytes at its end. */
  readJournal(into: Uint8Array, offset: number): Promise<number> {
    return readFully(this.#journal, into, offset);
  }

  /** Cuts the journal to its readable part, so that what follows can be read again; an empty one gets its magic. */
  async trimJournal(validBytes: number): Promise<void> {
    await this.#journal.truncate(validBytes);
    this.#journalEnd = validBytes;
    if (validBytes === 0) this.#add(journalMagic());
  }

  /** Adds a record; it is written with the next ones, see {@link journalWritten}. */
  append(record: JournalRecord): void {
    this.#add(encodeJournalRecord(record));
  }

  #add(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    if (this.#pending.length === 1) this.#writing = observed(this.#writing.then(() => this.#writePending()));
  }

  /** Resolves when what was appended so far is written, not yet stable. */
  async journalWritten(): Promise<void> {
    await this.#writing;
  }

  /** Makes stable what {@link journalWritten} has told to be written; it does not wait for what was added since. */
  async syncJournal(): Promise<void> {
    await this.#journal.datasync();
  }

  /** Removes everything of this copy, and the folder when no other copy uses it. The store is closed afterwards. */
  async remove(): Promise<void> {
    await this.#writing.catch(() => undefined); // what could not be written is removed anyway
    await this.#journal.close();
    for await (const entry of this.dir.list()) if (entry.name !== null) await this.dir.removeFile(entry.name);
    await this.dir.close();
    await this.#folder.removeDir(this.#name);
    await this.#folder.sync(); // another copy may keep the folder: then nothing else makes the removal stable
    await this.#folder.close();
    await removeFolderIfEmpty(this.#parent);
    await this.#parent.sync();
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined); // a journal that lacks its end costs bytes sent again, nothing else
    await this.#journal.close();
    await this.dir.close();
    await this.#folder.close();
  }

  async #writePending(): Promise<void> {
    const parts = this.#pending;
    this.#pending = [];
    const bytes = Buffer.concat(parts);
    await writeFully(this.#journal, bytes, this.#journalEnd);
    this.#journalEnd += bytes.byteLength;
  }
}

/** Removes an unfinished copy that nobody resumes; true when there was one. */
export async function discardPartial(parent: Dir, transferId: Uint8Array): Promise<boolean> {
  return removePartialNamed(parent, parseName(toHex(transferId)));
}

/** Removes unfinished copies in `parent` that nobody has touched for LIMITS.partialKeepMs. */
export async function discardStalePartials(parent: Dir, nowWallMs: number): Promise<number> {
  const names: Name[] = [];
  await withFolder(parent, async (folder) => {
    for await (const entry of folder.list()) {
      if (names.length >= LIMITS.partialTransfersListMax.value) break;
      if (entry.name !== null && entry.kind === 'directory' && entry.name !== UNDO_FOLDER)
        names.push(entry.name);
    }
  });
  let removed = 0;
  for (const name of names)
    if (await isStale(parent, name, nowWallMs)) removed += (await removePartialNamed(parent, name)) ? 1 : 0;
  return removed;
}

async function isStale(parent: Dir, name: Name, nowWallMs: number): Promise<boolean> {
  // another copy may just have removed what is its own
  const stat = await withFolder(parent, (folder) => orNull(() => folder.stat(name)));
  if (!stat) return false;
  return nowWallMs - Number(stat.mtimeNs / 1_000_000n) > LIMITS.partialKeepMs.value;
}

async function removePartialNamed(parent: Dir, name: Name): Promise<boolean> {
  const removed = await withFolder(parent, async (folder) => {
    const dir = await orNull(() => folder.openDir(name));
    if (dir === null) return false;
    try {
      for await (const entry of dir.list()) if (entry.name !== null) await dir.removeFile(entry.name);
    } finally {
      await dir.close();
    }
    await folder.removeDir(name);
    await folder.sync();
    return true;
  });
  await removeFolderIfEmpty(parent);
  await parent.sync(); // after a power cut nobody would come back to remove it
  return removed ?? false;
}

async function withFolder<T>(parent: Dir, work: (folder: Dir) => Promise<T>): Promise<T | null> {
  const folder = await orNull(() => parent.openDir(FOLDER));
  if (folder === null) return null;
  try {
    return await work(folder);
  } finally {
    await folder.close();
  }
}

async function orNull<T>(open: () => Promise<T>): Promise<T | null> {
  try {
    return await open();
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}

/** Removes `.causeway` from `parent` unless another copy uses it. */
export async function removeFolderIfEmpty(parent: Dir): Promise<void> {
  try {
    await parent.removeDir(FOLDER);
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code !== 'CW_DISK_NOT_EMPTY' && code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}

/** What is made in the store has the access lists of its source, and none from the folder that takes the copy. */
async function removeDefaultAccessList(dir: Dir): Promise<void> {
  try {
    await dir.caps.ownXattrs?.remove('system.posix_acl_default');
  } catch (failure) {
    if (!isRefusal(asCausewayError(failure).code)) throw failure;
  }
}

/** Makes a folder that only its owner sees, unless it is there. */
export async function makeIfMissing(dir: Dir, name: Name): Promise<void> {
  try {
    await dir.makeDir(name, 0o700);
  } catch (failure) {
    if (!(failure instanceof CausewayError) || failure.code !== 'CW_DISK_EXISTS') throw failure;
  }
}
