import { equalBytes } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashAt } from '../../base/hash.ts';
import { throwIfAborted } from '../../base/signal.ts';
import type { DirCache } from '../../tree/dir_cache.ts';
import type { Offload } from '../../world/offload.ts';
import { readChunkJob } from '../disk_jobs.ts';
import { groupByFolder } from '../folder_groups.ts';
import { isHuge } from '../page_cache.ts';
import type { NumberedEntry } from '../sink_plan.ts';
import type { StageMeter } from '../stage_meter.ts';
import { contentSum, inPacks, isReadWhole, sumOfOneChunk } from './content_sum.ts';
import { hashFilesJob } from './hash_files_job.ts';

/** Sums of the contents of files at the source, by their numbers; one that it cannot give is missing. */
export type AskSums = (indexes: readonly number[]) => Promise<ReadonlyMap<number, Uint8Array>>;

export interface ContentCheckParts {
  readonly dirs: DirCache;
  readonly offload: Offload;
  readonly meter: StageMeter;
  readonly chunkBytes: number;
  /** Whether the destination's holes count once they were probed. */
  readonly holes: boolean;
  readonly ask: AskSums;
  readonly signal: AbortSignal;
}

/** Compares files of equal size and time by their contents: both sides read them at the same time. */
export class ContentCheck {
  readonly #parts: ContentCheckParts;
  #compared = 0;
  #differing = 0;

  constructor(parts: ContentCheckParts) {
    this.#parts = parts;
  }

  /** In words, how many were compared; null where none was. */
  get note(): string | null {
    if (this.#compared === 0) return null;
    return `files of equal size and time whose contents were compared: ${this.#compared}, different: ${this.#differing}`;
  }

  /** Which of these files, whose size is that of the plan and which stand in `dirs`, have other contents or cannot be compared. */
  async differing(files: readonly NumberedEntry[], dirs = this.#parts.dirs): Promise<ReadonlySet<number>> {
    const full = files.filter(({ entry }) => entry.sizeBytes > 0);
    this.#compared += files.length;
    if (full.length === 0) return new Set();
    const indexes = full.map(({ index }) => index).sort((a, b) => a - b);
    const [asked, read] = await Promise.allSettled([this.#parts.ask(indexes), this.#sums(full, dirs)]);
    if (asked.status === 'rejected') throw asked.reason;
    if (read.status === 'rejected') throw read.reason;
    const differing = new Set<number>();
    for (const index of indexes) {
      const [there, here] = [asked.value.get(index), read.value.get(index)];
      if (there === undefined || here === undefined || !equalBytes(there, here)) differing.add(index);
    }
    this.#differing += differing.size;
    return differing;
  }

  async #sums(files: readonly NumberedEntry[], dirs: DirCache): Promise<Map<number, Uint8Array>> {
    const sums = new Map<number, Uint8Array>();
    const isSmall = ({ entry }: NumberedEntry) => isReadWhole(entry.sizeBytes, this.#parts.chunkBytes);
    for (const pack of inPacks(files.filter(isSmall), ({ entry }) => entry.sizeBytes))
      await this.#sumPack(pack, dirs, sums);
    for (const file of files.filter((file) => !isSmall(file))) {
      const sum = await this.#sumFile(file, dirs);
      if (sum !== null) sums.set(file.index, sum);
    }
    return sums;
  }

  async #sumPack(
    pack: readonly NumberedEntry[],
    dirs: DirCache,
    sums: Map<number, Uint8Array>,
  ): Promise<void> {
    const { offload, meter, signal } = this.#parts;
    for (const { folders, items } of groupByFolder(pack, ({ target }) => target)) {
      throwIfAborted(signal);
      const files = {
        folders: Uint8Array.from(items, ({ folder }) => folder),
        names: items.map(({ name }) => name),
        sizes: Uint32Array.from(items, ({ item }) => item.entry.sizeBytes),
      };
      const bytes = files.sizes.reduce((sum, size) => sum + size, 0);
      const { hashes, known } = await meter.run('destinationRead', bytes, (moved) =>
        dirs.useAll(folders, (opened) => offload.run(hashFilesJob, { dirs: opened, files }, moved)),
      );
      for (const [at, { item }] of items.entries())
        if (known[at] === 1) sums.set(item.index, sumOfOneChunk(hashAt(hashes, at)));
    }
  }

  async #sumFile({ entry, target }: NumberedEntry, dirs: DirCache): Promise<Uint8Array | null> {
    const { offload, meter, chunkBytes, holes, signal } = this.#parts;
    const forget = isHuge(entry.sizeBytes);
    try {
      await using file = await dirs.useParent(target, (dir, name) => dir.openFile(name, 'read'));
      return await contentSum(entry.sizeBytes, chunkBytes, async (index, into) => {
        throwIfAborted(signal);
        const args = { file, into, offset: index * chunkBytes, blocks: null, holes, forget };
        const { hash } = await meter.run('destinationRead', into.byteLength, (moved) =>
          offload.run(readChunkJob, args, moved),
        );
        return hash;
      });
    } catch (failure) {
      if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
      return null; // it is copied, and if that fails too the copy tells why
    }
  }
}
