import { LIMITS } from '../base/limits.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { ChunkMap, chunkCount, chunkLength } from './chunk_map.ts';

/** A piece of work for one lane. */
export type SourceWork =
  | {
      readonly kind: 'chunk';
      readonly file: SourceFile;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
    }
  | { readonly kind: 'pack'; readonly files: readonly SourceFile[]; readonly bytes: number };

/**
 * sending → ending (all chunks are out, the source is looked at once more) → ended → done. `restarting` waits until
 * the sink has dropped the old version.
 */
export type SourceFilePhase = 'sending' | 'ending' | 'ended' | 'restarting' | 'done';

export interface SourceFile {
  readonly index: number;
  entry: PlanEntry;
  version: number;
  phase: SourceFilePhase;
  /** Chunks whose hash is known: sent in this attempt or there from an earlier one. */
  chunks: ChunkMap;
  next: number;
  inFlight: number;
  readonly again: number[];
  changes: number;
}

/**
 * The sending side of a copy as a machine: which chunk goes next, when a file is at its end, what a changed source
 * means. It awaits nothing and reads neither clock nor disk.
 */
export class SourceMachine {
  readonly chunkBytes: number;
  readonly files = new Map<number, SourceFile>();
  /** Files that still have something to send, in plan order. */
  #queue: SourceFile[] = [];
  readonly #urgent: SourceFile[] = [];
  #sentBytes = 0;
  #settledBytes = 0;
  #resentBytes = 0;

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Bytes sent again within this attempt because they were rejected or the source had changed. */
  get resentBytes(): number {
    return this.#resentBytes;
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#settledBytes;
  }

  planned(index: number, entry: PlanEntry): void {
    this.files.set(index, newFile(index, entry, this.chunkBytes));
  }

  have(index: number, chunk: number, hash: Uint8Array): void {
    const file = this.files.get(index);
    if (file && chunk < file.chunks.count) file.chunks.written(chunk, hash);
  }

  skip(index: number): void {
    const file = this.files.get(index);
    if (file) file.phase = 'done';
  }

  /** Called once the sink is ready: everything not skipped may be sent. Gives the files of which every chunk is there already. */
  start(): SourceFile[] {
    const open = [...this.files.values()].filter((file) => file.phase === 'sending');
    this.#queue = open.filter((file) => file.chunks.missing > 0).reverse();
    return open.filter((file) => this.atEnd(file));
  }

  settled(totalBytes: number): void {
    this.#settledBytes = Math.max(this.#settledBytes, totalBytes);
  }

  /** The next piece of work, or null while there is none or too much is in flight. */
  next(): SourceWork | null {
    if (this.inFlightBytes >= LIMITS.sendWindowMaxBytes.value) return null;
    for (;;) {
      const urgent = this.#urgent.at(-1);
      if (urgent) {
        const index = urgent.phase === 'sending' ? urgent.again.shift() : undefined;
        if (index !== undefined) return this.#take(urgent, index, true);
        this.#urgent.pop();
        continue;
      }
      const file = this.#queue.at(-1);
      if (!file) return null;
      if (file.phase === 'sending' && isSmall(file)) return this.#pack();
      const index = file.phase === 'sending' ? nextMissing(file) : null;
      if (index !== null) return this.#take(file, index, false);
      this.#queue.pop();
    }
  }

  /** Work that was taken and then not sent, because the file changed or could not be read. */
  unsent(bytes: number): void {
    this.#sentBytes -= bytes;
  }

  /** A lane has handed over the chunk; the result tells whether the file is at its end now and wants its last look. */
  chunkSent(file: SourceFile, version: number, index: number, hash: Uint8Array): 'more' | 'end' {
    if (file.version !== version) return 'more';
    file.inFlight -= 1;
    file.chunks.written(index, hash);
    return this.atEnd(file) ? 'end' : 'more';
  }

  /** True once when all chunks of a file are out; the file is then `ending`. */
  atEnd(file: SourceFile): boolean {
    if (file.phase !== 'sending' || file.inFlight > 0 || file.chunks.missing > 0 || file.again.length > 0)
      return false;
    file.phase = 'ending';
    return true;
  }

  ended(file: SourceFile): void {
    if (file.phase === 'ending') file.phase = 'ended';
  }

  /** A new version of the file stands in the source; false when it has changed too often. */
  changed(file: SourceFile, entry: PlanEntry): boolean {
    file.changes += 1;
    if (file.changes > LIMITS.sourceChangedRetriesMax.value) return false;
    file.entry = { ...entry, path: file.entry.path };
    file.version += 1;
    file.phase = 'restarting';
    file.next = 0;
    file.inFlight = 0;
    file.again.length = 0;
    file.chunks = new ChunkMap(chunkCount(entry.sizeBytes, this.chunkBytes));
    return true;
  }

  restarted(index: number, version: number): SourceFile | null {
    const file = this.files.get(index);
    if (file?.phase !== 'restarting' || file.version !== version) return null;
    file.phase = 'sending';
    this.#queue.push(file);
    return file;
  }

  /** The sink wants a chunk again. */
  rejected(index: number, chunk: number): void {
    const file = this.files.get(index);
    if (!file || file.phase === 'done' || file.phase === 'restarting' || chunk >= file.chunks.count) return;
    file.chunks.lost(chunk);
    file.phase = 'sending';
    file.again.push(chunk);
    this.#urgent.push(file);
  }

  done(index: number): void {
    const file = this.files.get(index);
    if (file) file.phase = 'done';
  }

  #take(file: SourceFile, index: number, again: boolean): SourceWork {
    const bytes = chunkLength(file.entry.sizeBytes, this.chunkBytes, index);
    file.inFlight += 1;
    this.#count(bytes, again || file.changes > 0);
    return { kind: 'chunk', file, version: file.version, index, bytes };
  }

  #pack(): SourceWork {
    const files: SourceFile[] = [];
    let bytes = 0;
    for (;;) {
      const file = this.#queue.at(-1);
      if (!file || (file.phase === 'sending' && !isSmall(file))) break;
      if (file.phase === 'sending') {
        if (files.length > 0 && bytes + file.entry.sizeBytes > LIMITS.packMaxBytes.value) break;
        if (files.length >= LIMITS.packFilesMax.value) break;
        file.phase = 'ended';
        files.push(file);
        bytes += file.entry.sizeBytes;
      }
      this.#queue.pop();
    }
    this.#count(bytes, false);
    return { kind: 'pack', files, bytes };
  }

  #count(bytes: number, again: boolean): void {
    this.#sentBytes += bytes;
    if (again) this.#resentBytes += bytes;
  }
}

function newFile(index: number, entry: PlanEntry, chunkBytes: number): SourceFile {
  return {
    index,
    entry,
    version: 0,
    // An empty file has nothing to send: the sink makes it from the plan.
    phase: entry.sizeBytes === 0 ? 'done' : 'sending',
    chunks: new ChunkMap(chunkCount(entry.sizeBytes, chunkBytes)),
    next: 0,
    inFlight: 0,
    again: [],
    changes: 0,
  };
}

/** Small files travel whole, many in one message. A file that changed or of which a part is there goes chunk by chunk. */
function isSmall(file: SourceFile): boolean {
  return (
    file.entry.sizeBytes <= LIMITS.smallFileMaxBytes.value &&
    file.chunks.count === 1 &&
    file.chunks.missing === 1 &&
    file.version === 0 &&
    file.again.length === 0
  );
}

function nextMissing(file: SourceFile): number | null {
  while (file.next < file.chunks.count && file.chunks.has(file.next)) file.next += 1;
  return file.next < file.chunks.count ? file.next++ : null;
}
