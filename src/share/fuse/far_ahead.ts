import { ReadAhead } from '../../cache/read_ahead/read_ahead.ts';
import type { FileVersion } from '../../cache/store/store_types.ts';
import type { CachedFile } from './cached_file.ts';
import type { BlockReader, FarBlocks } from './far_blocks.ts';

/** Has blocks fetched before the kernel asks for them, where reads follow a pattern. */
export class FarAhead {
  readonly #blocks: FarBlocks;
  readonly #streams: ReadAhead;
  /** 0 where there is memory to spare, 1 where there is none. */
  pressure = 0;

  constructor(blocks: FarBlocks) {
    this.#blocks = blocks;
    this.#streams = new ReadAhead(this.#conditions);
  }

  /** Notes a read of a file that is known to be unchanged, from `offset` to `end`. */
  read(reader: BlockReader, of: FileVersion, offset: number, end: number): void {
    const length = end - offset;
    if (length <= 0) return;
    this.#streams.conditions = this.#conditions;
    const read = { file: Number(reader.file.node), sizeBytes: of.sizeBytes, offset, length };
    for (const next of this.#streams.onRead(read))
      this.#blocks.fetchAhead(reader, of, next.offset, next.offset + next.length, 'sequence');
  }

  /** Nobody has it open any more. */
  left(file: CachedFile): void {
    this.#streams.forget(Number(file.node));
  }

  get #conditions() {
    const { latencyMs, bytesPerSecond } = this.#blocks.link;
    return { latencyMs, bytesPerSecond, pressure: this.pressure };
  }
}
