import { LIMITS } from '../../base/limits.ts';
import { Predictor } from '../../cache/prediction/predictor.ts';
import { FILE_BLOCKS_MAX } from '../../cache/store/block_index.ts';
import type { FileVersion } from '../../cache/store/store_types.ts';
import type { BlockReader, FarBlocks } from './far_blocks.ts';

interface Known {
  readonly ref: number;
  readonly of: FileVersion;
  readonly node: bigint;
}

/** A block that is likely to be read soon. */
export interface Expected {
  readonly node: bigint;
  readonly block: number;
}

/** What came after the blocks that are being read, the time before: of other files too. */
export class FarHistory {
  readonly #blocks: FarBlocks;
  readonly #predictor: Predictor;
  /** Least recently read first. */
  readonly #files = new Map<string, Known>();
  readonly #byRef = new Map<number, Known>();
  #lastRef = 0;

  constructor(blocks: FarBlocks) {
    this.#blocks = blocks;
    // what waits to be asked for does so in memory: on the disk it would make way for what was asked for
    this.#predictor = new Predictor(blocks.memory.limitBytes, (key) => this.#isNear(key));
  }

  /** Notes a read from `offset` to `end`; what to fetch now that is not here, the nearest first. */
  read(
    reader: BlockReader,
    of: FileVersion,
    [offset, end]: readonly [number, number],
    wasHit: boolean,
  ): Expected[] {
    const { blockBytes } = this.#blocks.store;
    const { ref } = this.#knownOf(reader, of);
    const expected: Expected[] = [];
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < end; block += 1) {
      if (block >= FILE_BLOCKS_MAX) return expected;
      const key = ref * FILE_BLOCKS_MAX + block;
      const sizeBytes = this.#blocks.store.sizeOf(of, block);
      for (const next of this.#predictor.onAccess({ key, sizeBytes, stream: 0, wasHit })) {
        const known = this.#byRef.get(Math.floor(next / FILE_BLOCKS_MAX));
        if (known === undefined) this.#predictor.left(next);
        else expected.push({ node: known.node, block: next % FILE_BLOCKS_MAX });
      }
    }
    this.#predictor.takeExpired(); // what is kept of them leaves by itself
    return expected;
  }

  #isNear(key: number): boolean {
    const known = this.#byRef.get(Math.floor(key / FILE_BLOCKS_MAX));
    return known !== undefined && this.#blocks.isNear(known.of, key % FILE_BLOCKS_MAX);
  }

  /** A file keeps its number, whatever version of it is read. */
  #knownOf({ file: { node } }: BlockReader, of: FileVersion): Known {
    const before = this.#files.get(of.file);
    if (before !== undefined) this.#files.delete(of.file);
    else if (this.#files.size >= LIMITS.cacheHistoryFilesMax.value)
      for (const [file, { ref }] of this.#files) {
        this.#files.delete(file);
        this.#byRef.delete(ref);
        break;
      }
    if (before === undefined) this.#lastRef += 1;
    const known = { ref: before?.ref ?? this.#lastRef, of, node };
    this.#files.set(of.file, known);
    this.#byRef.set(known.ref, known);
    return known;
  }
}
