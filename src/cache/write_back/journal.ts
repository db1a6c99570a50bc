import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { isPlanted } from '../../base/fault_points.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { Random } from '../../world/clock.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { Dir, Disk } from '../../world/disk.ts';
import { removed } from '../store/index_log.ts';
import { RecordSeal } from './journal_records.ts';
import type { RecordPlace } from './layer.ts';
import { Segment } from './segment.ts';

/** What a journal needs of the world. */
export interface JournalPorts {
  readonly random: Pick<Random, 'bytes'>;
  readonly disk: Pick<Disk, 'openRoot'>;
  readonly crypto: Pick<Cryptography, 'aead'>;
}

/** Where a journal lies. */
export interface JournalPlace {
  /** Absolute path of a folder that is there. */
  readonly folder: string;
  /** Of the folder in it that is the journal's own: letters, digits and hyphens. */
  readonly name: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly segmentBytes: number;
  /** So much of the disk stays free for what the flush notes. */
  readonly reserveBytes: number;
}

/** Who is told what is found at the start: first the state that {@link Journal.rotate} was last given. */
export interface Listener {
  state(items: readonly unknown[]): void;
  record(head: unknown, place: RecordPlace): void;
}

/** What was found at the start. */
export interface Found {
  /** Records after the state that the last segment begins with. */
  readonly records: number;
  /** Bytes behind the last whole record: what was not acknowledged as stable. */
  readonly cutBytes: number;
}

const SEGMENT = /^segment-(\d{10})$/;
const NEW = parseName('segment.new');
const PRIVATE_MODE = 0o700;

/**
 * A log of sealed records on a local disk, in segments. A segment begins with the state that all segments before it came to,
 * so the last one tells all that is needed, but for the data that its state and its records point to. Appending is for one at
 * a time; reading and {@link sync} are for anybody.
 */
export class Journal {
  readonly #dir: Dir;
  readonly #place: JournalPlace;
  readonly #seal: RecordSeal;
  readonly #segments = new Map<number, Segment>();
  #current: Segment | null = null;
  #epoch = 0;
  #appended = 0;
  #stable = 0;
  #syncing: Promise<void> | null = null;
  #lookedBytes = Number.POSITIVE_INFINITY;
  #isBroken = false;

  private constructor(dir: Dir, ports: JournalPorts, place: JournalPlace) {
    this.#dir = dir;
    this.#place = place;
    this.#seal = new RecordSeal(ports, place.key, place.name);
  }

  /**
   * Opens what is there and tells of its records in order. It takes no record before {@link rotate}. CW_CACHE_JOURNAL where
   * it is damaged, CW_DISK_*.
   */
  static async open(
    ports: JournalPorts,
    place: JournalPlace,
    each: Listener,
  ): Promise<{ readonly journal: Journal; readonly found: Found | null }> {
    await using parent = await ports.disk.openRoot(place.folder);
    const dir = await ownFolder(parent, parseName(place.name));
    const journal = new Journal(dir, ports, place);
    try {
      return { journal, found: await journal.#recover(each) };
    } catch (failure) {
      await journal.close();
      throw failure;
    }
  }

  /** Of all segments. */
  get sizeBytes(): number {
    let sum = 0;
    for (const { sizeBytes } of this.#segments.values()) sum += sizeBytes;
    return sum;
  }

  /** How often segments were begun: grows with each start. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Records so far; what {@link sync} goes by. */
  get appended(): number {
    return this.#appended;
  }

  /** A flush of the disk failed: nothing that was not stable before can become so. {@link rotate} begins anew. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The current segment has reached its size. */
  get isFull(): boolean {
    return (this.#current?.sizeBytes ?? 0) >= this.#place.segmentBytes;
  }

  /**
   * Adds a record: it survives the end of this process, and a power cut once {@link sync} was called after. `isReserved`:
   * it may use what is kept free. CW_DISK_*; then nothing was added.
   */
  async append(head: unknown, data: Uint8Array, isReserved: boolean): Promise<RecordPlace> {
    const segment = this.#usable();
    if (!isReserved) await this.#checkSpace(data.byteLength);
    const place = await segment.append(head, data);
    this.#appended += 1;
    return place;
  }

  /** What was appended before the call is stable when it resolves. CW_DISK_*: then the journal is broken. */
  async sync(): Promise<void> {
    const wanted = this.#appended;
    while (this.#stable < wanted) {
      if (this.#isBroken) throw brokenJournal();
      this.#syncing ??= this.#syncOnce().finally(() => {
        this.#syncing = null;
      });
      await this.#syncing;
    }
  }

  /** Null where the segment is gone, since nothing was to need it any more. CW_CACHE_JOURNAL where it is damaged; CW_DISK_*. */
  async read(place: RecordPlace): Promise<Uint8Array | null> {
    const segment = this.#segments.get(place.segment);
    if (segment === undefined) return null;
    try {
      const record = await segment.read(place);
      if (record !== null) return record.data;
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_WIRE_MALFORMED') throw failure;
    }
    throw new CausewayError(
      'CW_CACHE_JOURNAL',
      `what was written is damaged in segment ${place.segment} of the journal ${this.#place.name}`,
    );
  }

  /** Begins a segment with the state that all records have come to. Nobody appends meanwhile. CW_DISK_*. */
  async rotate(state: readonly unknown[]): Promise<void> {
    if (this.#current !== null && !this.#isBroken) await this.sync();
    await removed(this.#dir, NEW);
    const number = Math.max(0, ...this.#segments.keys()) + 1;
    const segment = new Segment(number, await this.#dir.openFile(NEW, 'create', 0o600), this.#seal);
    try {
      await segment.begin();
      const size = LIMITS.writeBackStateItemsMax.value;
      await segment.append({ epoch: this.#epoch + 1, items: state.length }, new Uint8Array(0));
      for (let from = 0; from < state.length; from += size)
        await segment.append(state.slice(from, from + size), new Uint8Array(0));
      await segment.sync(); // or a power cut after the rename leaves one without its state
      await this.#dir.rename(NEW, this.#dir, nameOf(number));
      await this.#dir.sync();
    } catch (failure) {
      await segment.close();
      throw failure;
    }
    this.#epoch += 1;
    this.#segments.set(number, segment);
    this.#current = segment;
    this.#stable = this.#appended;
    this.#isBroken = false;
  }

  /** Removes segments that nothing needs any more. CW_DISK_*. */
  async trim(needed: ReadonlySet<number>): Promise<void> {
    for (const [number, segment] of [...this.#segments]) {
      if (segment === this.#current || needed.has(number)) continue;
      this.#segments.delete(number);
      await segment.close();
      await removed(this.#dir, nameOf(number));
    }
  }

  async close(): Promise<void> {
    await this.#syncing?.catch(() => undefined);
    for (const segment of this.#segments.values()) await segment.close();
    this.#segments.clear();
    this.#current = null;
    await this.#dir.close();
  }

  #usable(): Segment {
    if (this.#current === null || this.#isBroken) throw brokenJournal();
    return this.#current;
  }

  async #syncOnce(): Promise<void> {
    const covers = this.#appended;
    const segment = this.#current;
    if (segment === null) throw brokenJournal();
    if (!isPlanted('write-back-early-acknowledge')) {
      try {
        await segment.sync();
      } catch (failure) {
        if (segment === this.#current) this.#isBroken = true;
        throw failure;
      }
    }
    if (segment === this.#current) this.#stable = Math.max(this.#stable, covers);
  }

  async #checkSpace(sizeBytes: number): Promise<void> {
    this.#lookedBytes += sizeBytes;
    if (this.#lookedBytes < LIMITS.writeBackSpaceStepBytes.value) return;
    const { freeBytes } = await this.#dir.space();
    if (freeBytes < this.#place.reserveBytes + sizeBytes)
      throw new CausewayError('CW_DISK_FULL', `the disk with the journal ${this.#place.name} is full`);
    this.#lookedBytes = 0;
  }

  async #recover(each: Listener): Promise<Found | null> {
    const numbers: number[] = [];
    for await (const { name } of this.#dir.list()) {
      const number = SEGMENT.exec(name ?? '')?.[1];
      if (number !== undefined) numbers.push(Number(number));
    }
    numbers.sort((a, b) => a - b);
    for (const number of numbers) {
      const file = await this.#dir.openFile(nameOf(number), 'read');
      this.#segments.set(number, new Segment(number, file, this.#seal));
    }
    const last = this.#segments.get(numbers.at(-1) ?? 0);
    return last === undefined ? null : this.#readLast(last, each);
  }

  async #readLast(last: Segment, each: Listener): Promise<Found> {
    const state: unknown[] = [];
    let start: { epoch: number; items: number } | null = null;
    let records = 0;
    const end = await last.scan(LIMITS.writeBackReadBytes.value, (head, place) => {
      if (start === null) start = head as { epoch: number; items: number };
      else if (state.length < start.items) state.push(...(head as unknown[]));
      else {
        if (records === 0) each.state(state);
        each.record(head, place);
        records += 1;
      }
    });
    const begun = start as { epoch: number; items: number } | null;
    if (begun === null || state.length < begun.items)
      throw new CausewayError(
        'CW_CACHE_JOURNAL',
        `segment ${last.number} of the journal ${this.#place.name} is damaged: ${end.damage?.reason ?? 'it is not whole'}`,
      );
    if (records === 0) each.state(state);
    this.#epoch = begun.epoch;
    return { records, cutBytes: end.sizeBytes - end.validBytes };
  }
}

function nameOf(number: number): Name {
  return parseName(`segment-${String(number).padStart(10, '0')}`);
}

function brokenJournal(): CausewayError {
  return new CausewayError('CW_DISK_IO', 'the disk of the write-back journal failed to make it stable');
}

async function ownFolder(parent: Dir, name: Name): Promise<Dir> {
  try {
    return await parent.openDir(name);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
  await parent.makeDir(name, PRIVATE_MODE);
  await parent.sync();
  return parent.openDir(name);
}
