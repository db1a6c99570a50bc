import type { RelPath } from '../base/path.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { ChunkMap, chunkCount } from './chunk_map.ts';
import { MARK, type NumberedEntry, type SinkPlan } from './sink_plan.ts';
import { fileKeyOf } from './temporary_name.ts';

/**
 * receiving → finishing (flush, verify, publish) → published. `failed` and `published` are final; a file goes back
 * from finishing to receiving when verification finds a bad chunk.
 */
export type SinkFilePhase = 'receiving' | 'finishing' | 'published' | 'failed';

export interface SinkFile {
  readonly index: number;
  entry: PlanEntry;
  /** Where it goes, relative to the folder that takes the copy, and the key made of that. */
  readonly target: RelPath;
  readonly key: Uint8Array;
  /** Whether its bytes came with those of others: then its temporary name is made of its number. */
  isPacked: boolean;
  chunks: ChunkMap;
  version: number;
  phase: SinkFilePhase;
  /** The source's root once it has sent everything of this version, else null. */
  root: Uint8Array | null;
  /** Bytes counted as durable; only rises, at most the planned size. */
  creditedBytes: number;
  readonly plannedBytes: number;
  /** Bytes that its finishing batch flushes; settled with the end of that. */
  finishingBytes: number;
  retries: number;
}

/** The files of a plan: there is an object for each that has begun and is not at its end. */
export class SinkFiles {
  readonly plan: SinkPlan;
  readonly #chunkBytes: number;
  readonly #begun = new Map<number, SinkFile>();

  constructor(plan: SinkPlan, chunkBytes: number) {
    this.plan = plan;
    this.#chunkBytes = chunkBytes;
  }

  get begun(): number {
    return this.#begun.size;
  }

  /** A file that has begun. */
  get(index: number): SinkFile | undefined {
    return this.#begun.get(index);
  }

  /** A file that has begun, or that begins with this; undefined for one that is at its end, and for what is no file. */
  want(index: number): SinkFile | undefined {
    const known = this.#begun.get(index);
    if (known) return known;
    const mark = this.plan.mark(index);
    if (mark !== MARK.file && mark !== MARK.emptyFile) return undefined;
    const file = new BegunFile(this.plan.entry(index), this.#chunkBytes);
    this.plan.setMark(index, MARK.begun);
    this.#begun.set(index, file);
    return file;
  }

  /** The file is at its end, whichever. */
  end(file: SinkFile): void {
    this.#begun.delete(file.index);
    this.plan.setMark(file.index, this.#isLost(file) ? MARK.lost : MARK.nothing);
  }

  #isLost({ index, phase, version, entry }: SinkFile): boolean {
    return phase === 'failed' || (version > 0 && entry.inode !== this.plan.entry(index).entry.inode);
  }

  /** Nothing is there of a file after all: it may begin later. */
  putBack(file: SinkFile): void {
    this.#begun.delete(file.index);
    this.plan.resetMark(file);
  }
}

class BegunFile implements SinkFile {
  readonly index: number;
  entry: PlanEntry;
  readonly target: RelPath;
  isPacked = false;
  chunks: ChunkMap;
  version = 0;
  phase: SinkFilePhase = 'receiving';
  root: Uint8Array | null = null;
  creditedBytes = 0;
  readonly plannedBytes: number;
  finishingBytes = 0;
  retries = 0;
  #key: Uint8Array | null = null;

  constructor({ index, entry, target }: NumberedEntry, chunkBytes: number) {
    this.index = index;
    this.entry = entry;
    this.target = target;
    this.chunks = new ChunkMap(chunkCount(entry.sizeBytes, chunkBytes));
    this.plannedBytes = entry.sizeBytes;
  }

  /** Most files come in packs, and need none. */
  get key(): Uint8Array {
    this.#key ??= fileKeyOf(this.target);
    return this.#key;
  }
}
