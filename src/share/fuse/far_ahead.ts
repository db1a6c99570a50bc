import { LIMITS } from '../../base/limits.ts';
import type { WarmList } from '../../cache/prediction/warm_list.ts';
import { FolderAhead, SMALL_FILE_MAX_BYTES } from '../../cache/read_ahead/folder_ahead.ts';
import { ReadAhead } from '../../cache/read_ahead/read_ahead.ts';
import type { FileVersion } from '../../cache/store/store_types.ts';
import type { Tier } from '../../cache/store/tier_times.ts';
import type { Clock } from '../../world/clock.ts';
import type { CachedFile } from './cached_file.ts';
import type { BlockReader, FarBlocks } from './far_blocks.ts';
import { FarHistory } from './far_history.ts';
import { FarListings } from './far_listings.ts';
import { FarWarm } from './far_warm.ts';
import type { OwnFiles } from './own_files.ts';

/** Pressure from which on no files are opened ahead. */
const PRESSURE_MAX = 0.5;

export interface FarAheadParts {
  readonly blocks: FarBlocks;
  readonly files: OwnFiles;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Where it is kept what was read after a start; null: nowhere. */
  readonly warm: WarmList | null;
}

/** Has blocks fetched before the kernel asks for them, where reads follow a pattern. */
export class FarAhead {
  readonly listings = new FarListings();
  readonly #parts: FarAheadParts;
  readonly #streams: ReadAhead;
  readonly #folders = new FolderAhead();
  readonly #history: FarHistory;
  readonly #warm: FarWarm | null;
  /** 0 where there is memory to spare, 1 where there is none. */
  pressure = 0;

  constructor(parts: FarAheadParts) {
    this.#parts = parts;
    this.#history = new FarHistory(parts.blocks);
    const { blocks, clock, warm } = parts;
    this.#warm = warm === null ? null : new FarWarm(blocks, clock, warm);
    this.#streams = new ReadAhead(this.#conditions);
  }

  /** Notes a read of a file that is known to be unchanged, from `offset` to `end`, and where it was. */
  read(reader: BlockReader, of: FileVersion, [offset, end]: readonly [number, number], tier: Tier): void {
    const length = end - offset;
    const { blocks } = this.#parts;
    if (length <= 0 || blocks.memory.limitBytes === 0) return;
    this.#warm?.onRead(of, [offset, end]);
    this.#streams.conditions = this.#conditions;
    const file = Number(reader.file.node);
    for (const next of this.#streams.onRead({ file, sizeBytes: of.sizeBytes, offset, length }))
      blocks.fetchAhead(reader, of, next.offset, next.offset + next.length, 'sequence');
    if (offset === 0 && of.sizeBytes <= SMALL_FILE_MAX_BYTES && tier !== 'disk')
      this.#readSmall(reader, file);
    for (const { node, block } of this.#history.read(reader, of, [offset, end], tier !== 'link'))
      this.#fetch(reader, node, (own, version) => {
        const at = block * blocks.store.blockBytes;
        blocks.fetchAhead(own, version, at, at + blocks.store.blockBytes, 'history');
      });
  }

  async close(): Promise<void> {
    await this.#warm?.close();
  }

  /** Nobody has it open any more. */
  left(file: CachedFile): void {
    this.#streams.forget(Number(file.node));
  }

  #readSmall(reader: BlockReader, file: number): void {
    const listed = this.listings.of(file);
    if (listed === null) return;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const next of this.#folders.onFile(listed.folder, file, nowMs, () => listed.files))
      this.#fetch(reader, BigInt(next), (own, of) =>
        this.#parts.blocks.fetchAhead(own, of, 0, Math.min(of.sizeBytes, SMALL_FILE_MAX_BYTES), 'folder'),
      );
  }

  #fetch(reader: BlockReader, node: bigint, use: (own: BlockReader, of: FileVersion) => void): void {
    const { files } = this.#parts;
    if (files.open >= LIMITS.cacheAheadFilesMax.value || this.pressure > PRESSURE_MAX) return;
    void files.with(reader.bytes, node, use);
  }

  get #conditions() {
    const { latencyMs, bytesPerSecond } = this.#parts.blocks.link;
    return { latencyMs, bytesPerSecond, pressure: this.pressure };
  }
}
