import { equalBytes, toHex } from '../../base/bytes.ts';
import { observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Name, parseName } from '../../base/path.ts';
import { encodeUndoRecord, type UndoRecord, undoMagic } from '../../wire/undo_record.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import { PARTIAL_FOLDER, UNDO_FOLDER } from '../destination.ts';
import { readFully, writeFully } from '../file_io.ts';
import { removeKept } from './kept_tree.ts';

const TOP = parseName(PARTIAL_FOLDER);

const LOG = /^log([1-9]\d{0,8})$/;
const OWN = /^(log[1-9]\d{0,8}|[kt][1-9]\d{0,8}-[0-9a-f]{1,8})$/;

/** Name of an old entry that is kept, by the attempt that kept it and its number. */
export function keptName(attempt: number, number: number): Name {
  return parseName(`k${attempt}-${number.toString(16)}`);
}

/** Name of a copy of an old entry until its record is stable. */
export function unsureName(attempt: number, number: number): Name {
  return parseName(`t${attempt}-${number.toString(16)}`);
}

export function isKeptName(name: string): boolean {
  return name.startsWith('k') && OWN.test(name);
}

/** The attempt whose record a file is; null where it is none. */
export function attemptOf(name: string): number | null {
  const [, digits] = LOG.exec(name) ?? [];
  return digits === undefined ? null : Number(digits);
}

export function logName(attempt: number): Name {
  return parseName(`log${attempt}`);
}

/**
 * Where one attempt of a copy keeps what it replaces: `.causeway/undo/<id>/` with a record of its own for each attempt,
 * so that none has to trust the end of an earlier one.
 */
export class UndoStore {
  readonly dir: Dir;
  readonly attempt: number;
  readonly #log: DiskFile;
  #logEnd = 0;
  /** Written and not read back yet. */
  #unchecked: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #pending: Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();
  #newNames = false;
  /** A flush has failed: whatever a later one says, the record may be lost. */
  #broken: CausewayError | null = null;

  private constructor(dir: Dir, attempt: number, log: DiskFile) {
    this.dir = dir;
    this.attempt = attempt;
    this.#log = log;
  }

  /** Opens or makes the folder and begins a record; both are stable when it resolves. Throws CW_DISK_*. */
  static async open(root: Dir, undoId: Uint8Array, header: UndoRecord): Promise<UndoStore> {
    await using top = await makeAndOpen(root, TOP);
    await using folder = await makeAndOpen(top, UNDO_FOLDER);
    const dir = await makeAndOpen(folder, parseName(toHex(undoId)));
    try {
      let attempt = 1;
      for await (const { rawName } of dir.list()) attempt = Math.max(attempt, (attemptOf(rawName) ?? 0) + 1);
      const store = new UndoStore(dir, attempt, await dir.openFile(logName(attempt), 'create', 0o600));
      store.#add(undoMagic());
      store.append(header);
      store.noteName();
      await store.sync();
      await folder.sync();
      await top.sync();
      await root.sync();
      return store;
    } catch (failure) {
      await dir.close();
      throw failure;
    }
  }

  /** Adds a record; it is written with the next ones and stable after {@link sync}. */
  append(record: UndoRecord): void {
    this.#add(encodeUndoRecord(record));
  }

  appendEncoded(bytes: Uint8Array): void {
    this.#add(bytes);
  }

  /** A name was made in `dir`: the next sync makes it stable. */
  noteName(): void {
    this.#newNames = true;
  }

  /** Makes what was appended, and the names that were made, stable. */
  async sync(): Promise<void> {
    if (this.#broken !== null) throw this.#broken;
    try {
      await this.#writing;
      const newNames = this.#newNames;
      this.#newNames = false;
      if (newNames) await this.dir.sync();
      await this.#log.datasync();
      await this.#check(this.#unchecked.splice(0));
    } catch (failure) {
      this.#broken = asCausewayError(failure);
      throw failure;
    }
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined); // whoever needed the record to be stable has seen the failure
    await this.#log.close();
    await this.dir.close();
  }

  #add(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    if (this.#pending.length === 1) this.#writing = observed(this.#writing.then(() => this.#writePending()));
  }

  async #writePending(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    await writeFully(this.#log, bytes, this.#logEnd);
    this.#unchecked.push({ offset: this.#logEnd, bytes });
    this.#logEnd += bytes.byteLength;
  }

  /** Reads the record back as every file of a copy is: what is replaced on its word must be found again. */
  async #check(pieces: readonly { readonly offset: number; readonly bytes: Uint8Array }[]): Promise<void> {
    for (const { offset, bytes } of pieces) {
      for (let tries = 1; !(await this.#holds(bytes, offset)); tries += 1) {
        if (tries > LIMITS.chunkRetriesMax.value)
          throw new CausewayError('CW_DISK_IO', 'the record of the undo is not stored as it was written');
        await writeFully(this.#log, bytes, offset);
        await this.#log.datasync();
      }
    }
  }

  async #holds(bytes: Uint8Array, offset: number): Promise<boolean> {
    const found = new Uint8Array(bytes.byteLength);
    return (await readFully(this.#log, found, offset)) === bytes.byteLength && equalBytes(found, bytes);
  }
}

/** Runs `work` with the folder of all undo in `root`; null where there is none. */
export async function withUndoFolder<T>(root: Dir, work: (folder: Dir) => Promise<T>): Promise<T | null> {
  const top = await openOrNull(root, TOP);
  if (top === null) return null;
  try {
    const folder = await openOrNull(top, UNDO_FOLDER);
    if (folder === null) return null;
    try {
      return await work(folder);
    } finally {
      await folder.close();
    }
  } finally {
    await top.close();
  }
}

const GONE = 'gone-';

/** What the undo of a copy is called from the moment on at which it is over and its parts are removed. */
export function goneName(name: Name): Name {
  return parseName(`${GONE}${name}`);
}

export function isGone(name: string): boolean {
  return name.startsWith(GONE);
}

/**
 * Removes the undo of one copy. It gets another name first: half of its records would tell of a state in the middle of
 * the copy. Whatever is in the folder and is not its own stays, and the folder with it. Stable when it resolves.
 */
export async function removeUndoSet(root: Dir, name: Name): Promise<void> {
  await withUndoFolder(root, async (folder) => {
    const gone = isGone(name) ? name : goneName(name);
    if (gone !== name) await renameIfThere(folder, name, gone);
    const dir = await openOrNull(folder, gone);
    if (dir === null) return;
    try {
      const own: Name[] = [];
      for await (const entry of dir.list())
        if (entry.name !== null && OWN.test(entry.name)) own.push(entry.name);
      for (const entry of own) await removeKept(dir, entry);
    } finally {
      await dir.close();
    }
    await removeIfEmpty(folder, gone);
    await folder.sync();
  });
  await removeEmptyUndoFolder(root);
}

async function renameIfThere(folder: Dir, name: Name, to: Name): Promise<void> {
  try {
    await folder.rename(name, folder, to);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
  await folder.sync();
}

/** Removes the folder of all undo, and the one around it, where nothing is in them. */
export async function removeEmptyUndoFolder(root: Dir): Promise<void> {
  const top = await openOrNull(root, TOP);
  if (top === null) return;
  try {
    await removeIfEmpty(top, UNDO_FOLDER);
    await top.sync();
  } finally {
    await top.close();
  }
  await removeIfEmpty(root, TOP);
  await root.sync();
}

export async function openOrNull(parent: Dir, name: Name): Promise<Dir | null> {
  try {
    return await parent.openDir(name);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}

async function removeIfEmpty(parent: Dir, name: Name): Promise<void> {
  try {
    await parent.removeDir(name);
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code !== 'CW_DISK_NOT_EMPTY' && code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}

async function makeAndOpen(parent: Dir, name: Name): Promise<Dir> {
  try {
    await parent.makeDir(name, 0o700);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
  }
  return parent.openDir(name);
}
