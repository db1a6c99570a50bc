import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import { AEAD_NONCE_BYTES } from '../../world/cryptography.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import { inlineOffload, type Offload } from '../../world/offload.ts';
import { openBlocksJob, SEAL_BYTES, sealBlocksJob } from './seal_job.ts';
import type { StorePorts } from './store_ports.ts';
import type { FileVersion } from './store_types.ts';

const NAME = parseName('blocks');

/** A block of a version of a file, and the slot that is its own. */
export interface PlacedBlock {
  readonly of: FileVersion;
  readonly block: number;
  readonly slot: number;
}

export interface SizedBlock extends PlacedBlock {
  readonly sizeBytes: number;
}

export interface PlainBlock extends PlacedBlock {
  readonly bytes: Uint8Array;
}

/**
 * Blocks in slots of one file, each sealed with AES-256-GCM. A block opens as that block of that version of that file of
 * that cache, and as nothing else: one that was changed, swapped, or is out of date does not open. Several are sealed or opened at
 * a time, in threads where there are some.
 */
export class SealedBlocks {
  readonly #ports: StorePorts;
  readonly #offload: Pick<Offload, 'run'>;
  readonly #key: Uint8Array;
  readonly #about: string;
  readonly #blockBytes: number;
  readonly #slotBytes: number;
  /** Memory that threads see, for LIMITS.cacheBatchBlocks blocks each; those that nobody uses. */
  readonly #trays: Uint8Array[] = [];
  #file: DiskFile | null = null;

  constructor(ports: StorePorts, key: Uint8Array, about: string, blockBytes: number) {
    this.#ports = ports;
    this.#offload = ports.offload ?? inlineOffload(ports.clock, undefined, ports.crypto.aead);
    this.#key = key;
    this.#about = about;
    this.#blockBytes = blockBytes;
    this.#slotBytes = SealedBlocks.slotBytes(blockBytes);
  }

  /** What a block takes on the disk. */
  static slotBytes(blockBytes: number): number {
    return blockBytes + SEAL_BYTES;
  }

  /** CW_DISK_*. */
  async open(dir: Dir): Promise<void> {
    this.#file = await dir.openFile(NAME, 'append', 0o600);
  }

  /** At most LIMITS.cacheBatchBlocks. Null for each of which what lies there is not that block. `begun`: a thread reads them now. CW_DISK_*. */
  async read(blocks: readonly SizedBlock[], begun: () => void): Promise<(Uint8Array | null)[]> {
    const file = this.#file;
    if (file === null) return blocks.map(() => null);
    const tray = this.#takeTray();
    const sizes = blocks.map(({ sizeBytes }) => sizeBytes);
    const order = { file, tray, sizes, ...this.#whatOf(blocks) };
    const opened = await this.#offload.run(openBlocksJob, order, begun);
    let at = 0;
    const read = sizes.map((sizeBytes, index) => {
      at += sizeBytes;
      return opened[index] === true ? tray.slice(at - sizeBytes, at) : null;
    });
    this.#giveTray(tray); // where the job failed a thread may still write to it, so that it is not used again
    return read;
  }

  /** At most LIMITS.cacheBatchBlocks. CW_DISK_*. */
  async write(blocks: readonly PlainBlock[]): Promise<void> {
    const tray = this.#takeTray();
    let at = 0;
    for (const { bytes } of blocks) {
      tray.set(bytes, at);
      at += bytes.byteLength;
    }
    await this.#offload.run(sealBlocksJob, {
      file: this.#file as DiskFile,
      tray,
      sizes: blocks.map(({ bytes }) => bytes.byteLength),
      nonces: this.#ports.random.bytes(AEAD_NONCE_BYTES * blocks.length),
      ...this.#whatOf(blocks),
    });
    this.#giveTray(tray);
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

  #giveTray(tray: Uint8Array): void {
    if (this.#trays.length < LIMITS.cacheTraysMax.value) this.#trays.push(tray);
  }

  #takeTray(): Uint8Array {
    const sizeBytes = LIMITS.cacheBatchBlocks.value * this.#blockBytes;
    return this.#trays.pop() ?? new Uint8Array(new SharedArrayBuffer(sizeBytes));
  }

  #whatOf(blocks: readonly PlacedBlock[]) {
    return {
      key: this.#key,
      places: blocks.map(({ slot }) => slot * this.#slotBytes),
      bindings: blocks.map(({ of, block }) => `block ${this.#about} ${of.file} ${of.version} ${block}`),
    };
  }
}
