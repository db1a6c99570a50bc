import { continues, endOf, extend, type Range, type Stream, unreadBytes } from './stream.ts';
import { type Conditions, Windows } from './window.ts';

export type { Range } from './stream.ts';
export type { Conditions } from './window.ts';

const FILES_MAX = 1_024;
/** Streams of one file at a time: whoever reads a file at more places reads at random. */
const STREAMS_MAX = 16;
/** Reads that belonged to no stream, kept to find steps among them. */
const STRAYS_MAX = 24;
/** A sequence counts as one from its third read on, one with a step from its fourth. */
const [SEQUENTIAL_FROM, STRIDED_FROM] = [2, 1] as const;
const STRIDE_MAX_BYTES = 64 * 1024 * 1024;
/** How often reading from the start of a file has to go on, of the last eight or so times, for it to be believed at once. */
const TRUST_NEEDED = 0.6;
const TRUST_STEP = 1 / 8;

/** A file that is not read while so many reads of others come counts as left, until it is read again. */
const LEFT_AFTER_READS = 64;

interface ReadFile {
  readonly streams: Stream[];
  readonly strays: Range[];
  strayAt: number;
  /** Number of the last read. */
  lastRead: number;
  /** What counts as wasted of it, since it was left. */
  leftBytes: number;
}

export interface Read extends Range {
  /** A number that names the file as long as it is open. */
  readonly file: number;
  /** Size of the file: nothing beyond it is asked for. */
  readonly sizeBytes: number;
}

/**
 * What to fetch before it is asked for: follows streams of reads in each file, sequential or by a fixed step, forwards or
 * backwards, several beside each other. It only plans: whoever fetches leaves out what it has. Reads at random cause
 * nothing, but for one in a thousand that looks like part of a stream.
 */
export class ReadAhead {
  /** Least recently read first. */
  readonly #files = new Map<number, ReadFile>();
  readonly #windows = new Windows();
  /** The files of the last reads. */
  readonly #recent: number[] = new Array<number>(LEFT_AFTER_READS).fill(-1);
  #reads = 0;
  /** How often a read at the start of a file was followed by the next one. */
  #startTrust = 1;

  constructor(conditions: Conditions) {
    this.#windows.set(conditions);
  }

  /** Latency and throughput as they were measured lately, and memory pressure; at any time. */
  set conditions(conditions: Conditions) {
    this.#windows.set(conditions);
  }

  /** Bytes that were planned for streams that ended without reading them. */
  get wastedBytes(): number {
    return this.#windows.wastedBytes;
  }

  /** Notes a read; what to fetch after it, in the same file and within its size, the nearest first. */
  onRead(read: Read): readonly Range[] {
    const file = this.#fileOf(read.file);
    this.#turn(read.file, file);
    this.#windows.noteRead(read.length);
    const stream = this.#streamOf(file, read);
    if (stream === null) return [];
    if (stream.stride === 0 && endOf(stream) >= read.sizeBytes) this.#windows.noteWhole();
    const from = stream.stride === 0 ? SEQUENTIAL_FROM : STRIDED_FROM;
    const atStart = stream.offset === 0 && this.#startTrust >= TRUST_NEEDED;
    if (stream.confirmed < from && !atStart && !this.#isTrustedStart(stream)) return [];
    const windowBytes = this.#windows.bytesFor(stream.readBytes, stream.length, stream.countedBytes);
    const ranges = extend(stream, windowBytes, read.sizeBytes);
    this.#count(stream, unreadBytes(stream));
    return ranges;
  }

  #count(stream: Stream, aheadBytes: number): void {
    this.#windows.noteAhead(aheadBytes - stream.countedBytes);
    stream.countedBytes = aheadBytes;
  }

  /** The file is closed, or changed: its streams have ended. */
  forget(file: number): void {
    const known = this.#files.get(file);
    if (known === undefined) return;
    this.#return(known);
    for (const stream of known.streams) this.#end(stream);
    this.#files.delete(file);
  }

  /** Counts a read, and looks whether the file of an earlier one was left since. */
  #turn(id: number, file: ReadFile): void {
    this.#return(file);
    this.#reads += 1;
    file.lastRead = this.#reads;
    const at = this.#reads % LEFT_AFTER_READS;
    const other = this.#files.get(this.#recent[at]!);
    this.#recent[at] = id;
    if (other !== undefined && other.lastRead === this.#reads - LEFT_AFTER_READS) this.#leave(other);
  }

  #leave(file: ReadFile): void {
    for (const stream of file.streams) {
      file.leftBytes += unreadBytes(stream);
      this.#count(stream, 0);
    }
    if (file.leftBytes === 0) return;
    this.#windows.noteWaste(file.leftBytes);
    const [stream] = file.streams;
    if (file.streams.length === 1 && stream!.confirmed === 0) this.#noteStart(false);
  }

  #return(file: ReadFile): void {
    if (file.leftBytes > 0) this.#windows.noteWaste(-file.leftBytes);
    file.leftBytes = 0;
  }

  /** A second read right after one at the start. */
  #isTrustedStart(stream: Stream): boolean {
    return stream.stride === 0 && stream.confirmed === 1 && stream.readBytes === endOf(stream);
  }

  #fileOf(id: number): ReadFile {
    const known = this.#files.get(id);
    if (known !== undefined) {
      this.#files.delete(id);
      this.#files.set(id, known);
      return known;
    }
    if (this.#files.size >= FILES_MAX) this.forget(this.#files.keys().next().value!);
    const fresh: ReadFile = { streams: [], strays: [], strayAt: 0, lastRead: 0, leftBytes: 0 };
    this.#files.set(id, fresh);
    return fresh;
  }

  /** The stream that a read belongs to, the one used last first; null where it is the first of its kind. */
  #streamOf(file: ReadFile, { offset, length }: Range): Stream | null {
    const { streams } = file;
    for (let at = streams.length - 1; at >= 0; at -= 1) {
      const stream = streams[at]!;
      if (!continues(stream, offset, length)) continue;
      if (at !== streams.length - 1) streams.push(...streams.splice(at, 1));
      if (stream.confirmed === 1 && stream.readBytes === endOf(stream)) this.#noteStart(true);
      return stream;
    }
    const stride = strideTo(file.strays, offset, length);
    const strayed = { offset, length };
    if (file.strays.length < STRAYS_MAX) file.strays.push(strayed);
    else file.strays[file.strayAt] = strayed;
    file.strayAt = (file.strayAt + 1) % STRAYS_MAX;
    const begun = { offset, length, confirmed: 0, readBytes: length, countedBytes: 0 };
    const fresh = { ...begun, stride: 0, ahead: offset + length };
    this.#begin(streams, fresh);
    if (stride !== 0) this.#begin(streams, { ...begun, stride, ahead: 0 });
    return offset === 0 ? fresh : null;
  }

  /** Whoever never came beyond one read gives way first. */
  #begin(streams: Stream[], fresh: Stream): void {
    if (streams.length >= STREAMS_MAX) {
      const single = streams.findIndex(({ confirmed }) => confirmed === 0);
      const [gone] = streams.splice(Math.max(0, single), 1);
      this.#end(gone!);
    }
    streams.push(fresh);
  }

  #end(stream: Stream): void {
    const unread = unreadBytes(stream);
    this.#count(stream, 0);
    if (unread === 0) return;
    this.#windows.noteWaste(unread);
  }

  #noteStart(wentOn: boolean): void {
    this.#startTrust += ((wentOn ? 1 : 0) - this.#startTrust) * TRUST_STEP;
  }
}

/** The step of three reads of one length, of which the given one is the last; 0 where there is none. */
function strideTo(strays: readonly Range[], offset: number, length: number): number {
  for (const middle of strays) {
    const stride = offset - middle.offset;
    if (middle.length !== length || stride === 0 || Math.abs(stride) > STRIDE_MAX_BYTES) continue;
    for (const first of strays)
      if (first.length === length && middle.offset - first.offset === stride) return stride;
  }
  return 0;
}
