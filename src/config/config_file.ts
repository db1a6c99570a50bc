import { fromUtf8, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinAbsolute, parseName } from '../base/path.ts';
import type { Dir, Disk, DiskFile } from '../world/disk.ts';

const MODE = 0o600;

/** A config file on the disk: read whole, and replaced whole. */
export class ConfigFile {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #name: string;
  /** Somebody has named it: then it must be there. */
  readonly isNamed: boolean;

  /** `path` is absolute and names no symlink. */
  constructor(disk: Disk, path: string, isNamed: boolean) {
    const cut = path.lastIndexOf('/');
    this.#disk = disk;
    this.#folder = path.slice(0, Math.max(cut, 1));
    this.#name = path.slice(cut + 1);
    this.isNamed = isNamed;
  }

  get path(): string {
    return joinAbsolute(this.#folder, this.#name);
  }

  /** The text; null where there is no file and none was named. CW_CONFIG, CW_DISK_*. */
  async read(): Promise<string | null> {
    const dir = await this.#openFolder();
    if (dir === null) return null;
    try {
      return await this.#readIn(dir);
    } finally {
      await dir.close();
    }
  }

  /** Replaces it, with the owner and mode that it has; old or new is there at any time, and new when it resolves. CW_LIMIT, CW_DISK_*. */
  async write(text: string): Promise<void> {
    const bytes = utf8(text);
    if (bytes.byteLength > LIMITS.configFileMaxBytes.value)
      throw new CausewayError('CW_LIMIT', `${this.path} would become larger than it may be`);
    const dir = await this.#disk.openRoot(this.#folder);
    try {
      await this.#replace(dir, bytes);
    } finally {
      await dir.close();
    }
  }

  async #openFolder(): Promise<Dir | null> {
    try {
      return await this.#disk.openRoot(this.#folder);
    } catch (failure) {
      if (!this.isNamed && isMissing(failure)) return null;
      throw failure;
    }
  }

  async #readIn(dir: Dir): Promise<string | null> {
    const file = await this.#openIn(dir);
    if (file === null) return null;
    try {
      const { sizeBytes } = await file.stat();
      if (sizeBytes > LIMITS.configFileMaxBytes.value)
        throw new CausewayError('CW_CONFIG', `${this.path}: it is larger than a config file may be`);
      const text = fromUtf8(await readAll(file, sizeBytes));
      if (text === null) throw new CausewayError('CW_CONFIG', `${this.path}: it is not UTF-8`);
      return text;
    } finally {
      await file.close();
    }
  }

  async #openIn(dir: Dir): Promise<DiskFile | null> {
    try {
      return await dir.openFile(parseName(this.#name), 'read');
    } catch (failure) {
      if (!this.isNamed && isMissing(failure)) return null;
      throw failure;
    }
  }

  async #replace(dir: Dir, bytes: Uint8Array): Promise<void> {
    const name = parseName(this.#name);
    const temporary = parseName(`.${this.#name}.new`);
    const before = await dir.stat(name).catch(orNull);
    await dir.removeFile(temporary).catch(orNull); // a killed process may have left one
    const file = await dir.openFile(temporary, 'create', MODE);
    try {
      for (let at = 0; at < bytes.byteLength; ) at += await file.write(bytes.subarray(at), at);
      if (before !== null) {
        const { userId, groupId, mode } = before;
        const own = await file.stat();
        const isSameOwner = own.userId === userId && own.groupId === groupId;
        await file.setAttrs({ ...(!isSameOwner && { userId, groupId }), mode });
      }
      await file.datasync();
    } catch (failure) {
      await dir.removeFile(temporary).catch(orNull); // what failed first is what counts
      throw failure;
    } finally {
      await file.close();
    }
    await dir.rename(temporary, dir, name);
    await dir.sync();
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof CausewayError && failure.code === 'CW_DISK_NOT_FOUND';
}

function orNull(failure: unknown): null {
  if (isMissing(failure)) return null;
  throw failure;
}

async function readAll(file: DiskFile, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  while (at < sizeBytes) {
    const moved = await file.read(bytes.subarray(at), at);
    if (moved === 0) break; // shortened meanwhile: what is left is checked as any text
    at += moved;
  }
  return bytes.subarray(0, at);
}
