import { utf8 } from '../../base/bytes.ts';
import { parseName } from '../../base/path.ts';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../../world/cryptography.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import type { StorePorts } from './block_store.ts';
import { readAll, writeAll } from './index_log.ts';
import type { FileVersion } from './store_types.ts';

const NAME = parseName('blocks');
const SEAL_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

/**
 * Blocks in slots of one file, each sealed with AES-256-GCM. A block opens as that block of that version of that file of
 * that cache, and as nothing else: one that was changed, swapped, or is out of date does not open.
 */
export class SealedBlocks {
  readonly #ports: StorePorts;
  readonly #key: Uint8Array;
  readonly #about: string;
  readonly #slotBytes: number;
  #file: DiskFile | null = null;
  /** What is being written. */
  readonly #scratch: Uint8Array;

  constructor(ports: StorePorts, key: Uint8Array, about: string, blockBytes: number) {
    this.#ports = ports;
    this.#key = key;
    this.#about = about;
    this.#slotBytes = SealedBlocks.slotBytes(blockBytes);
    this.#scratch = new Uint8Array(this.#slotBytes);
  }

  /** What a block takes on the disk. */
  static slotBytes(blockBytes: number): number {
    return blockBytes + SEAL_BYTES;
  }

  /** CW_DISK_*. */
  async open(dir: Dir): Promise<void> {
    this.#file = await dir.openFile(NAME, 'append', 0o600);
  }

  /** Null where what lies there is not that block. CW_DISK_*. */
  async read(of: FileVersion, block: number, sizeBytes: number, slot: number): Promise<Uint8Array | null> {
    const file = this.#file;
    const at = slot * this.#slotBytes;
    const bytes = file === null ? null : await readAll(file, at, sizeBytes + SEAL_BYTES);
    if (bytes === null) return null;
    const [nonce, sealed] = [bytes.subarray(0, AEAD_NONCE_BYTES), bytes.subarray(AEAD_NONCE_BYTES)];
    return this.#ports.crypto.aead.open(this.#key, nonce, sealed, this.#bindingOf(of, block));
  }

  /** One at a time. CW_DISK_*. */
  async write(of: FileVersion, block: number, plain: Uint8Array, slot: number): Promise<void> {
    const nonce = this.#ports.random.bytes(AEAD_NONCE_BYTES);
    const { aead } = this.#ports.crypto;
    const length = aead.sealInto(this.#key, nonce, plain, this.#bindingOf(of, block), this.#scratch);
    await writeAll(this.#file as DiskFile, this.#scratch.subarray(0, length), slot * this.#slotBytes);
  }

  /** Cuts what is behind so many slots. CW_DISK_*. */
  async cut(slots: number): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    const { sizeBytes } = await file.stat();
    if (sizeBytes > slots * this.#slotBytes) await file.truncate(slots * this.#slotBytes);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #bindingOf({ file, version }: FileVersion, block: number): Uint8Array {
    return utf8(`block ${this.#about} ${file} ${version} ${block}`);
  }
}
