import { fromUtf8, toHex, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { parseName } from '../base/path.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import { field, objectField, parseState, type StateObject } from './state_json.ts';

const FORMAT = 1;
const MODE = 0o600;

/**
 * A small JSON file that is read whole and replaced whole: {format, checksum, body}. The checksum (BLAKE3 of the body
 * as JSON) tells a damaged file from a changed one, so that a flipped bit neither adds nor drops a key.
 * Every write goes to a temporary name, is flushed, renamed, and the directory is flushed. One process writes at a time.
 */
export class StateFile {
  readonly #dir: Dir;
  readonly #name: string;
  /** What errors call the file. */
  readonly description: string;
  #writes: Promise<void> = Promise.resolve();

  /** `dirPath` is for error messages only. */
  constructor(dir: Dir, dirPath: string, name: string) {
    this.#dir = dir;
    this.#name = name;
    this.description = `${dirPath}/${name}`;
  }

  /** The body and the file's mode, or null where the file does not exist. CW_DAEMON_STATE where it is damaged. */
  async read(): Promise<{ readonly body: StateObject; readonly mode: number } | null> {
    const file = await this.#open();
    if (file === null) return null;
    try {
      const stat = await file.stat();
      if (stat.sizeBytes > LIMITS.stateFileMaxBytes.value) throw this.#damaged('it is too large');
      return { body: this.#check(await readAll(file, stat.sizeBytes)), mode: stat.mode };
    } finally {
      await file.close();
    }
  }

  /**
   * Replaces the file; durable when it resolves. Writes happen one after the other, in the order of the calls. CW_LIMIT
   * where it would be too large to be read again; the old file then stays.
   */
  async write(body: object): Promise<void> {
    const bytes = utf8(`${JSON.stringify({ format: FORMAT, checksum: checksumOf(body), body }, null, 2)}\n`);
    if (bytes.byteLength > LIMITS.stateFileMaxBytes.value) {
      throw new CausewayError('CW_LIMIT', `${this.description} would become larger than it may be`);
    }
    const next = this.#writes.then(() => this.#replace(bytes));
    this.#writes = next.catch(() => undefined); // the caller of this write learns of its failure; the next one starts afresh
    return next;
  }

  async #open(): Promise<DiskFile | null> {
    try {
      return await this.#dir.openFile(parseName(this.#name), 'read');
    } catch (failure) {
      if (failure instanceof CausewayError && failure.code === 'CW_DISK_NOT_FOUND') return null;
      throw failure;
    }
  }

  #check(bytes: Uint8Array): StateObject {
    const text = fromUtf8(bytes);
    if (text === null) throw this.#damaged('it is not UTF-8');
    const top = parseState(text, this.description);
    if (top.format !== FORMAT) throw this.#damaged(`its format is not ${FORMAT}`);
    const body = objectField(top, 'body', this.description);
    if (field(top, 'checksum', 'string', this.description) !== checksumOf(body)) {
      throw this.#damaged('its checksum does not match');
    }
    return body;
  }

  async #replace(bytes: Uint8Array): Promise<void> {
    const temporary = parseName(`${this.#name}.new`);
    const file = await this.#createFresh();
    try {
      for (let at = 0; at < bytes.byteLength; ) at += await file.write(bytes.subarray(at), at);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#dir.rename(temporary, this.#dir, parseName(this.#name));
    await this.#dir.sync();
  }

  /** The temporary file; one that a killed process left is removed first. */
  async #createFresh(): Promise<DiskFile> {
    const temporary = parseName(`${this.#name}.new`);
    try {
      return await this.#dir.openFile(temporary, 'create', MODE);
    } catch (failure) {
      if (!(failure instanceof CausewayError && failure.code === 'CW_DISK_EXISTS')) throw failure;
      await this.#dir.removeFile(temporary);
      return this.#dir.openFile(temporary, 'create', MODE);
    }
  }

  #damaged(why: string): CausewayError {
    return new CausewayError('CW_DAEMON_STATE', `${this.description} is damaged: ${why}`);
  }
}

/** JSON keeps the order of members, so that a body that was read gives the text that was hashed when it was written. */
function checksumOf(body: object): string {
  return toHex(hashBytes(utf8(JSON.stringify(body))));
}

async function readAll(file: DiskFile, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  while (at < sizeBytes) {
    const moved = await file.read(bytes.subarray(at), at);
    if (moved === 0) break; // shortened meanwhile: the checksum tells
    at += moved;
  }
  return bytes.subarray(0, at);
}
