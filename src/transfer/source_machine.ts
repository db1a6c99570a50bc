import { LIMITS } from '../base/limits.ts';
import { decodePlanPage } from '../wire/copy_messages.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { zerosWindowBytes } from '../wire/lane_message.ts';
import type { PlanPage } from '../wire/plan_page.ts';
import { ChunkMap, chunkCount, chunkLength } from './chunk_map.ts';
import type { FileDelta } from './delta/file_delta.ts';
import { EntryBytes } from './entry_bytes.ts';
import type { PlanSpool } from './plan_spool.ts';

/** A piece of work for one lane. */
export type SourceWork =
  | {
      readonly kind: 'chunk';
      readonly file: SourceFile;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
      /** What the sink may take from the version it has; null: the chunk travels in whole. */
      readonly delta: FileDelta | null;
      /** The sink has refused it before: it goes as it is, whatever it holds. */
      readonly again: boolean;
    }
  | { readonly kind: 'pack'; readonly files: readonly SourceFile[]; readonly bytes: number };

export type ChunkWork = Extract<SourceWork, { kind: 'chunk' }>;

/**
 * sending → ending (all chunks are out, the source is looked at once more) → ended → done. `comparing` waits until what has
 * moved within the file is found, `restarting` until the sink has dropped the old version.
 */
export type SourceFilePhase = 'sending' | 'comparing' | 'ending' | 'ended' | 'restarting' | 'done';

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
  /** What the destination has of it, once that is known. */
  delta: FileDelta | null;
}

/** What is known of an entry of the plan. */
const NOTHING_TO_SEND = 0;
const TO_SEND = 1;
/** The sink has another version of it, and nobody has asked for that yet. */
const OFFERED = 2;
/** It is compared with the sink's version before it goes into the queue. */
const COMPARED = 3;
/** It went in a pack. There is no object of it: few are asked for again. */
const SENT_WHOLE = 4;
/** The sink copies it by itself. */
const TAKEN = 5;

/**
 * The sending side of a copy as a machine: which chunk goes next, when a file is at its end, what a changed source
 * means. It awaits nothing and reads neither clock nor disk. Of the plan it holds a byte for each entry; more only of
 * files that have begun and are not done.
 */
export class SourceMachine {
  readonly chunkBytes: number;
  /** Files that have begun and are not done, by number; not those that went in a pack. */
  readonly files = new Map<number, SourceFile>();
  /** What may be sent and not settled. */
  windowBytes = LIMITS.sendWindowMaxBytes.value;
  readonly #plan: PlanSpool;
  readonly #packBytes: number;
  readonly #state = new EntryBytes();
  /** The next entry of the plan to look at. */
  #cursor = 0;
  /** Files that the cursor has passed and that are not done. */
  #passed = 0;
  /** Files that still have something to send; the last goes next, and all go before what the cursor comes to. */
  readonly #queue: SourceFile[] = [];
  readonly #urgent: SourceFile[] = [];
  #offersFrom = 0;
  /** Files that are compared with the sink's version, or sent with what was found. */
  readonly #comparing = new Set<number>();
  #reusedBytes = 0;
  #zeroBytes = 0;
  /** What these count in the window. */
  #zeroWindowBytes = 0;
  #sentBytes = 0;
  #settledBytes = 0;
  #resentBytes = 0;

  /** `packBytes`: small files that travel together have at most so many bytes. */
  constructor(chunkBytes: number, plan: PlanSpool, packBytes: number = LIMITS.packMaxBytes.value) {
    this.#packBytes = packBytes;
    this.chunkBytes = chunkBytes;
    this.#plan = plan;
  }

  /** Bytes of files that were given to the link. */
  get sentBytes(): number {
    return this.#sentBytes - this.#reusedBytes - this.#zeroWindowBytes;
  }

  /** Bytes that did not travel because the sink has them in another version. */
  get reusedBytes(): number {
    return this.#reusedBytes;
  }

  /** Bytes that did not travel because they are zeros. */
  get zeroBytes(): number {
    return this.#zeroBytes;
  }

  /** Bytes sent again within this attempt because they were rejected or the source had changed. */
  get resentBytes(): number {
    return this.#resentBytes;
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#settledBytes;
  }

  /** As much is sent and not settled as may be. */
  get isWindowFull(): boolean {
    return this.inFlightBytes >= this.windowBytes;
  }

  /** Takes the next page of the plan, and it as an encoded message. CW_LIMIT where the plan becomes too large. */
  planned(message: Uint8Array, page: PlanPage = decodePlanPage(message)): void {
    this.#plan.add(message, page.count, page);
    // An empty file has nothing to send: the sink makes it from the plan.
    for (let at = 0; at < page.count; at += 1)
      this.#state.push(page.kind(at) === 'file' && page.sizeBytes(at) > 0 ? TO_SEND : NOTHING_TO_SEND);
  }

  have(index: number, chunk: number, hash: Uint8Array): void {
    const state = this.#state.get(index);
    if (state !== TO_SEND && state !== OFFERED) return;
    const file = this.#begin(index);
    if (chunk < file.chunks.count) file.chunks.written(chunk, hash);
  }

  skip(index: number): void {
    this.done(index);
  }

  /** A file as it was planned, to look at and not to send; null where the number is of none with content. */
  lookedAt(index: number): SourceFile | null {
    return this.#state.get(index) === TO_SEND
      ? newFile(index, this.#plan.entry(index), this.chunkBytes)
      : null;
  }

  /** The sink has another version of the file. */
  offered(index: number): void {
    if (this.#state.get(index) === TO_SEND) this.#state.set(index, OFFERED);
  }

  /** The sink copies the file by itself. */
  taken(index: number): void {
    const state = this.#state.get(index);
    if (state === TO_SEND || state === OFFERED) this.#state.set(index, TAKEN);
  }

  /** The sink could not copy the file by itself: it is sent. */
  givenBack(index: number): void {
    if (this.#state.get(index) === TAKEN && this.#sendAfterAll(index)) this.#queue.push(this.#begin(index));
  }

  /** Counts a file among those to be sent; true where the cursor has passed it, so that it goes into a queue. */
  #sendAfterAll(index: number): boolean {
    this.#state.set(index, TO_SEND);
    const isPassed = index < this.#cursor;
    if (isPassed) this.#passed += 1;
    return isPassed;
  }

  /** Files whose version at the sink is to be asked for now: a few at a time. Each ends with {@link known}. */
  takeOffers(): SourceFile[] {
    const taken: SourceFile[] = [];
    while (this.#comparing.size < LIMITS.deltaBasesMax.value) {
      const index = this.#state.find(OFFERED, this.#offersFrom);
      this.#offersFrom = index < 0 ? this.#state.length : index + 1;
      if (index < 0) break;
      this.#state.set(index, COMPARED);
      const file = this.#begin(index);
      if (file.phase !== 'sending' || file.chunks.missing === 0) continue; // an earlier attempt has left all of it
      this.#comparing.add(index);
      taken.push(file);
    }
    return taken;
  }

  /** What the sink has of an offered file; null: nothing. Now it may be sent. */
  known(file: SourceFile, version: number, delta: FileDelta | null): void {
    if (file.version !== version || (file.phase !== 'sending' && file.phase !== 'comparing')) return;
    file.phase = 'sending';
    if (file.again.length > 0) this.#urgent.push(file);
    file.delta = delta;
    if (delta === null) this.#comparing.delete(file.index);
    this.#queue.push(file);
  }

  /**
   * A chunk that was taken is not what stands at its place in the sink's version: it goes once it is known where its pieces
   * are. Gives the first byte that is to be compared so; `more` where others have asked for that or nobody
   * wants it any more, `end` where it went meanwhile and was all that the end of the file waited for.
   */
  moved({ file, version, index, bytes, delta }: ChunkWork): number | 'more' | 'end' {
    this.unsent(bytes);
    if (file.version !== version) return 'more';
    file.inFlight -= 1;
    if (file.chunks.has(index)) return this.atEnd(file) ? 'end' : 'more';
    file.next = Math.min(file.next, index);
    if (file.phase !== 'sending') return 'more';
    if (file.delta !== delta) {
      this.#queue.push(file);
      return 'more';
    }
    file.phase = 'comparing';
    let first = 0;
    while (file.chunks.has(first)) first += 1;
    return first * this.chunkBytes;
  }

  /** Bytes of a chunk that was sent as a patch and did not travel. */
  reused(bytes: number): void {
    this.#reusedBytes += bytes;
  }

  /** A chunk that goes as the word that it is zeros. */
  zeros(bytes: number): void {
    const windowBytes = zerosWindowBytes(bytes);
    this.#sentBytes -= bytes - windowBytes;
    this.#zeroWindowBytes += windowBytes;
    this.#zeroBytes += bytes;
  }

  /** Called once the sink is ready: everything not skipped may be sent. Gives the files of which every chunk is there already. */
  start(): SourceFile[] {
    return [...this.files.values()].filter((file) => this.atEnd(file));
  }

  settled(totalBytes: number): void {
    this.#settledBytes = Math.max(this.#settledBytes, totalBytes);
  }

  /** The next piece of work, or null while there is none or too much is in flight. */
  next(): SourceWork | null {
    if (this.isWindowFull) return null;
    for (;;) {
      const urgent = this.#urgent.at(-1);
      if (urgent) {
        const index = urgent.phase === 'sending' ? urgent.again.shift() : undefined;
        if (index !== undefined) return this.#take(urgent, index, true);
        this.#urgent.pop();
        continue;
      }
      const file = this.#head();
      if (!file) return null;
      if (file.phase === 'sending' && isSmall(file)) return this.#pack();
      const index = file.phase === 'sending' ? nextMissing(file) : null;
      if (index !== null) return this.#take(file, index, false);
      this.#queue.pop();
    }
  }

  /** The chunk that follows one in its file, where it goes next: it may be read and sent with it. */
  following({ file, index, again }: ChunkWork): ChunkWork | null {
    const isNext = this.#queue.at(-1) === file && file.next === index + 1 && index + 1 < file.chunks.count;
    if (!isNext || again || file.delta?.kind === 'steps' || file.phase !== 'sending') return null;
    const isTight = this.isWindowFull || this.windowBytes < LIMITS.sendWindowMaxBytes.value;
    if (isTight || this.#urgent.length > 0 || file.chunks.has(index + 1)) return null;
    file.next += 1;
    return this.#take(file, index + 1, false);
  }

  /** Work that was taken and then not sent, because the file changed or could not be read. */
  unsent(bytes: number): void {
    this.#sentBytes -= bytes;
  }

  /** A lane has read this file of a pack, which goes as it is. */
  sentWhole(file: SourceFile): void {
    if (file.phase !== 'ended' || this.#state.get(file.index) !== TO_SEND) return;
    this.#state.set(file.index, SENT_WHOLE);
    this.files.delete(file.index);
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
    this.#forgetDelta(file);
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
    this.#forgetDelta(file);
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
    if (this.#state.get(index) === SENT_WHOLE) {
      this.#begin(index);
      this.#state.set(index, TO_SEND);
    }
    if (this.#state.get(index) === TAKEN) {
      this.#begin(index);
      this.#sendAfterAll(index);
    }
    const file = this.files.get(index);
    if (!file || file.phase === 'restarting' || chunk >= file.chunks.count) return;
    file.chunks.lost(chunk);
    if (file.phase !== 'comparing') file.phase = 'sending';
    file.again.push(chunk);
    this.#urgent.push(file);
  }

  /** The file is in place, or was given up: nothing of it is sent any more. */
  done(index: number): void {
    const state = this.#state.get(index);
    this.#state.set(index, NOTHING_TO_SEND);
    if ((state === TO_SEND || state === SENT_WHOLE) && index < this.#cursor) this.#passed -= 1;
    const file = this.files.get(index);
    if (!file) return;
    file.phase = 'done';
    this.files.delete(index);
    this.#forgetDelta(file);
  }

  #forgetDelta(file: SourceFile): void {
    file.delta = null;
    this.#comparing.delete(file.index);
  }

  #begin(index: number): SourceFile {
    let file = this.files.get(index);
    if (!file) {
      file = newFile(index, this.#plan.entry(index), this.chunkBytes);
      this.files.set(index, file);
    }
    return file;
  }

  /** The file that goes next, which is then the last of the queue. Not more than a number of files are under way. */
  #head(): SourceFile | undefined {
    const waiting = this.#queue.at(-1);
    if (waiting || this.#passed >= LIMITS.sendWindowMaxFiles.value) return waiting;
    const index = this.#state.find(TO_SEND, this.#cursor);
    this.#cursor = index < 0 ? this.#state.length : index + 1;
    if (index < 0) return undefined;
    const file = this.#begin(index);
    this.#passed += 1;
    this.#queue.push(file);
    return file;
  }

  #take(file: SourceFile, index: number, again: boolean): ChunkWork {
    const bytes = chunkLength(file.entry.sizeBytes, this.chunkBytes, index);
    file.inFlight += 1;
    this.#count(bytes, again || file.changes > 0);
    const delta = again ? null : file.delta;
    return { kind: 'chunk', file, version: file.version, index, bytes, delta, again };
  }

  #pack(): SourceWork {
    const files: SourceFile[] = [];
    let bytes = 0;
    for (;;) {
      const file = this.#head();
      if (!file || (file.phase === 'sending' && !isSmall(file))) break;
      if (file.phase === 'sending') {
        if (files.length > 0 && bytes + file.entry.sizeBytes > this.#packBytes) break;
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
    phase: 'sending',
    chunks: new ChunkMap(chunkCount(entry.sizeBytes, chunkBytes)),
    next: 0,
    inFlight: 0,
    again: [],
    changes: 0,
    delta: null,
  };
}

/**
 * Small files travel whole, many in one message. A file that changed, of which a part is there, or that has holes goes
 * chunk by chunk.
 */
function isSmall(file: SourceFile): boolean {
  return (
    file.entry.sizeBytes <= LIMITS.smallFileMaxBytes.value &&
    file.entry.dataBytes === undefined &&
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
