import { assert } from '../../base/assert.ts';
import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseRelPath, splitRel } from '../../base/path.ts';
import { throwIfAborted } from '../../base/signal.ts';
import { type Chunking, chunkingId } from '../../store/chunker/chunking.ts';
import { DeltaPlanner, type DeltaStep } from '../../store/delta/delta_plan.ts';
import type { BaseMessage } from '../../wire/copy_types.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import type { SourceFile } from '../source_machine.ts';
import type { StageMeter } from '../stage_meter.ts';
import { BaseList } from './base_list.ts';
import { cutFile } from './cut_file.ts';
import { deltaChunking, type FileDelta } from './file_delta.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

interface Asked {
  readonly file: SourceFile;
  readonly version: number;
  readonly chunking: Chunking;
  readonly list: BaseList;
  /** The first byte that is compared; a chunk begins there. */
  readonly from: number;
}

export interface SourceDeltaParts {
  readonly chunkBytes: number;
  readonly meter: StageMeter;
  readonly offload: Offload;
  /** Aborted when the copy is over: a comparison that goes on then would be for nobody. */
  readonly signal: AbortSignal;
  /** `from`: the first byte of the pieces that are wanted; null: all, or hashes of chunks. */
  ask(file: SourceFile, chunking: string, from: number | null): Promise<void>;
  /** Opens the source's version for one reading. */
  withFile<T>(file: SourceFile, work: (opened: DiskFile) => Promise<T>): Promise<T>;
  /** Tells what the destination has of a file; null: the file travels in whole. */
  known(file: SourceFile, version: number, delta: FileDelta | null): void;
}

/** Asks the sink for its version of files and finds out what of them need not travel. */
export class SourceDeltas {
  readonly #parts: SourceDeltaParts;
  readonly #asked = new Map<number, Asked>();

  constructor(parts: SourceDeltaParts) {
    this.#parts = parts;
  }

  /** Asks for the pieces of the version there, or of what of it lies behind `from`. */
  async begin(file: SourceFile, from: number | null = null): Promise<void> {
    const { entry, version } = file;
    const { name } = splitRel(parseRelPath(entry.path));
    const chunking = deltaChunking(name, entry.sizeBytes, this.#parts.chunkBytes);
    if (chunking === null) return this.#parts.known(file, version, null);
    this.#asked.set(file.index, { file, version, chunking, list: new BaseList(chunking), from: from ?? 0 });
    await this.#parts.ask(file, chunkingId(chunking), from);
  }

  /** Takes what the sink tells. Throws CW_WIRE_*. */
  async take(message: BaseMessage): Promise<void> {
    const asked = this.#asked.get(message.file);
    if (!asked) return; // the file has changed meanwhile
    asked.list.add(message);
    if (!message.last) return;
    this.#asked.delete(message.file);
    const { file, version } = asked;
    this.#parts.known(file, version, await this.#deltaOf(asked));
  }

  async #deltaOf(asked: Asked): Promise<FileDelta | null> {
    const { chunking, list } = asked;
    const { hashes, chunks } = list;
    const about = { kind: 'blocks', chunks } as const;
    if (hashes.byteLength === 0 && chunks.byteLength > 0)
      return { ...about, blockBytes: this.#parts.chunkBytes, hashes: chunks, placesOnly: true };
    if (hashes.byteLength === 0) return null;
    if (chunking.kind === 'fixed')
      return { ...about, blockBytes: chunking.chunkBytes, hashes, placesOnly: false };
    try {
      return { kind: 'steps', steps: await this.#stepsOf(asked) };
    } catch (failure) {
      if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
      return null; // who reads the file to send it meets the same and tells it
    }
  }

  #stepsOf({ file, chunking, list, from }: Asked): Promise<DeltaStep[]> {
    const { meter, offload, signal } = this.#parts;
    const seed = list.build();
    const planner = new DeltaPlanner([{ chunks: seed, sizeBytes: seed.sizeBytes }]);
    const steps: DeltaStep[] = [];
    const { sizeBytes } = file.entry;
    return this.#parts.withFile(file, async (opened) => {
      for await (const pieces of cutFile({
        file: opened,
        sizeBytes,
        from,
        chunking,
        meter,
        stage: 'sourceRead',
        offload,
      })) {
        throwIfAborted(signal);
        for (const [at, lengthBytes] of pieces.lengths.entries()) {
          const hash = pieces.hashes.subarray(at * SHORT_HASH_BYTES, (at + 1) * SHORT_HASH_BYTES);
          const step = planner.push({ hash, lengthBytes, zero: false });
          if (step !== null) steps.push(behind(step, from));
        }
      }
      const last = planner.finish();
      if (last !== null) steps.push(behind(last, from));
      assert(steps.length <= LIMITS.deltaChunksMax.value, 'a file has no more steps than pieces');
      return steps;
    });
  }
}

/** A step between parts of both versions that begin at `from`, as one between the whole versions. */
function behind(step: DeltaStep, from: number): DeltaStep {
  const offset = step.offset + from;
  return step.kind === 'copy' ? { ...step, offset, seedOffset: step.seedOffset + from } : { ...step, offset };
}

/** What a question for pieces asks beside their kind: hashes of chunks at first, all pieces from somewhere on later. */
export function howToTell(from: number | null): { readonly chunks: true } | { readonly from: number } {
  return from === null ? { chunks: true } : { from };
}
