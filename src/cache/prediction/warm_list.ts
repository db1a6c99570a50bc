import { concat, fromUtf8, utf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import type { Random } from '../../world/clock.ts';
import { AEAD_NONCE_BYTES, type Cryptography } from '../../world/cryptography.ts';
import type { Disk } from '../../world/disk.ts';
import { readAll, removed, writeAll } from '../store/index_log.ts';
import type { FileVersion, StorePlace } from '../store/store_types.ts';

const NAME = 'warm';
const NEW = 'warm.new';
const PRIVATE_MODE = 0o600;

/** A block that was read soon after a start. */
export interface WarmBlock {
  readonly of: FileVersion;
  readonly block: number;
  /** See {@link Prewarm}. */
  readonly weight: number;
  readonly afterMs: number;
}

export interface WarmListPorts {
  readonly disk: Pick<Disk, 'openRoot'>;
  readonly random: Pick<Random, 'bytes'>;
  readonly crypto: Pick<Cryptography, 'aead'>;
}

/**
 * What was read after the last starts, in a file beside the blocks of a cache, sealed with its key. It is a hint: where it cannot be
 * read, or is not what was written, there is none.
 */
export class WarmList {
  readonly #ports: WarmListPorts;
  readonly #place: Pick<StorePlace, 'folder' | 'name' | 'key'>;

  constructor(ports: WarmListPorts, place: Pick<StorePlace, 'folder' | 'name' | 'key'>) {
    this.#ports = ports;
    this.#place = place;
  }

  /** Empty where there is none that is proven; never throws. */
  async load(): Promise<readonly WarmBlock[]> {
    try {
      const sealed = await this.#read();
      const [nonce, rest] = [sealed.subarray(0, AEAD_NONCE_BYTES), sealed.subarray(AEAD_NONCE_BYTES)];
      const plain = this.#ports.crypto.aead.open(this.#place.key, nonce, rest, this.#binding);
      return plain === null ? [] : JSON.parse(fromUtf8(plain) ?? '[]'); // proven to be what was written
    } catch (failure) {
      asCausewayError(failure);
      return [];
    }
  }

  /** Takes the place of the one before; a disk that refuses keeps that. */
  async save(blocks: readonly WarmBlock[]): Promise<void> {
    const nonce = this.#ports.random.bytes(AEAD_NONCE_BYTES);
    const plain = utf8(JSON.stringify(blocks));
    if (plain.byteLength > LIMITS.cacheWarmListMaxBytes.value) return;
    const sealed = this.#ports.crypto.aead.seal(this.#place.key, nonce, plain, this.#binding);
    try {
      await this.#write(concat([nonce, sealed]));
    } catch (failure) {
      asCausewayError(failure); // a hint only
    }
  }

  get #binding(): Uint8Array {
    return utf8(`warm ${this.#place.name}`);
  }

  async #read(): Promise<Uint8Array> {
    await using parent = await this.#ports.disk.openRoot(this.#place.folder);
    await using dir = await parent.openDir(parseName(this.#place.name));
    await using file = await dir.openFile(parseName(NAME), 'read');
    const { sizeBytes } = await file.stat();
    const most = LIMITS.cacheWarmListMaxBytes.value + 2 * AEAD_NONCE_BYTES + 16;
    return (await readAll(file, 0, Math.min(sizeBytes, most))) ?? new Uint8Array(0);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await using parent = await this.#ports.disk.openRoot(this.#place.folder);
    await using dir = await parent.openDir(parseName(this.#place.name));
    await removed(dir, NEW);
    {
      await using file = await dir.openFile(parseName(NEW), 'create', PRIVATE_MODE);
      await writeAll(file, bytes, 0);
    }
    await dir.rename(parseName(NEW), dir, parseName(NAME)); // torn by a power cut, it is not proven
  }
}
