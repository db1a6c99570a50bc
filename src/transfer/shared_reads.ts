import { type Deferred, deferred } from '../base/deferred.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../world/clock.ts';

/** A part of the source that was read: what the read told of it, and the bytes for those who come later. */
interface Piece {
  readonly told: unknown;
  /** Null where only the one who read it may use it. */
  readonly bytes: Uint8Array | null;
}

interface Entry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly reading: Promise<Piece>;
  /** Who has not asked for it yet. */
  readonly wanted: Set<SharedReader>;
}

/** Beyond its first patience, this share of the time may be spent on waiting for a reader. */
const PATIENCE_SHARE = 0.02;

/**
 * Lets several copies of the same sources read them once: a piece that one of them reads is kept for the others, within
 * a window. They begin together as far as a short wait goes. The foremost one waits a little for those behind before it
 * drops what they have not asked for; who is slower than that reads by itself from then on and holds up nobody. Who
 * finds a piece in the window again takes part again.
 */
export class SharedReads {
  readonly clock: Clock;
  readonly #readers = new Set<SharedReader>();
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #sinceMs: number;
  #heldBytes = 0;
  #changed: Deferred<void> = deferred();
  #waiting: Promise<void> | null = null;
  #readyMs: number | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** One more copy of the same sources. Call `leave` when it has ended. */
  join(): SharedReader {
    const reader = new SharedReader(this);
    this.#readers.add(reader);
    return reader;
  }

  left(reader: SharedReader): void {
    this.#readers.delete(reader);
    for (const entry of [...this.#entries.values()]) this.taken(entry, reader);
    this.wake();
  }

  wake(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  /** Resolves when all are ready, or some have been for long enough. */
  async allReady(): Promise<void> {
    this.#readyMs ??= this.clock.monotonicMs();
    for (;;) {
      const leftMs = this.#readyMs + LIMITS.sharedReadStartMs.value - this.clock.monotonicMs();
      if (leftMs <= 0 || [...this.#readers].every(({ ready }) => ready)) return;
      await this.#change(leftMs);
    }
  }

  find(key: string, reader: SharedReader): Entry | null {
    const entry = this.#entries.get(key);
    return entry?.wanted.has(reader) ? entry : null;
  }

  /** False for one that others are ahead of: what it misses they have had already. */
  isForemost(reader: SharedReader): boolean {
    for (const other of this.#readers) if (other.askedBytes > reader.askedBytes) return false;
    return this.#readers.size > 1;
  }

  /** Reads a piece as soon as there is room for it in the window, and keeps it for the others. */
  keep(key: string, sizeBytes: number, reader: SharedReader, read: () => Promise<Piece>): Promise<Piece> {
    const former = this.#entries.get(key);
    if (former) this.#drop(former);
    const wanted = new Set([...this.#readers].filter((other) => other !== reader));
    const reading = this.#room(key).then(read);
    const entry: Entry = { key, sizeBytes, reading, wanted };
    this.#entries.set(key, entry);
    this.#heldBytes += sizeBytes;
    const dropUnlessKept = (piece: Piece) => (piece.bytes === null ? this.#drop(entry) : undefined);
    reading.then(dropUnlessKept, () => this.#drop(entry)); // the one who reads learns of the failure
    return reading;
  }

  taken(entry: Entry, reader: SharedReader): void {
    entry.wanted.delete(reader);
    if (entry.wanted.size === 0) this.#drop(entry);
  }

  /** Makes room in the window for what has been entered last, after a wait for those behind as far as patience goes. */
  async #room(key: string): Promise<void> {
    await Promise.resolve(); // it has been entered by then
    while (this.#heldBytes > LIMITS.sharedReadWindowBytes.value) {
      const [oldest] = this.#entries.values();
      if (!oldest || oldest.key === key) return;
      const late = [...oldest.wanted].filter(({ isOut }) => !isOut);
      const leftMs = Math.min(...late.map((reader) => this.#patienceMs(reader)));
      if (late.length === 0) this.#drop(oldest);
      else if (leftMs > 0) await this.#waitFor(late, leftMs);
      else for (const reader of late) if (this.#patienceMs(reader) <= 0) reader.isOut = true;
    }
  }

  #patienceMs({ waitedMs }: SharedReader): number {
    const elapsedMs = this.clock.monotonicMs() - this.#sinceMs;
    return LIMITS.sharedReadPatienceMs.value + elapsedMs * PATIENCE_SHARE - waitedMs;
  }

  /** Several that wait at the same time wait once. */
  #waitFor(late: readonly SharedReader[], leftMs: number): Promise<void> {
    this.#waiting ??= (async () => {
      const since = this.clock.monotonicMs();
      await this.#change(leftMs);
      for (const reader of late) reader.waitedMs += this.clock.monotonicMs() - since;
      this.#waiting = null;
    })();
    return this.#waiting;
  }

  /** Resolves at the next change, or after so long. */
  async #change(maxMs: number): Promise<void> {
    const timer = new AbortController();
    const late = this.clock.sleep(maxMs, timer.signal).catch(() => undefined); // the change came first
    await Promise.race([this.#changed.promise, late]);
    timer.abort();
  }

  #drop(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#heldBytes -= entry.sizeBytes;
    this.wake();
  }
}

/** One of the copies that share what they read. */
export class SharedReader {
  readonly #shared: SharedReads;
  /** It has its plan and begins to read. */
  ready = false;
  /** It has fallen behind: nobody waits for it. */
  isOut = false;
  askedBytes = 0;
  /** For how long others have waited for it, in all. */
  waitedMs = 0;

  constructor(shared: SharedReads) {
    this.#shared = shared;
  }

  /** Resolves when the others are ready too, or have been waited for long enough. */
  async start(): Promise<void> {
    if (this.ready) return;
    this.ready = true;
    this.#shared.wake();
    await this.#shared.allReady();
  }

  /**
   * Fills `into` with the piece `key` and gives what its read tells: from what another has read, else by `read`. Where
   * `mayShare` is false for what a read tells, its bytes are the reader's own business. Equal keys must mean equal bytes.
   */
  async piece<T>(
    key: string,
    into: Uint8Array,
    read: () => Promise<T>,
    mayShare: (told: T) => boolean,
  ): Promise<T> {
    const shared = this.#shared;
    const found = shared.find(key, this);
    const isForemost = shared.isForemost(this);
    this.askedBytes += into.byteLength;
    if (found) {
      const piece = await found.reading.catch(() => null); // this one reads for itself then
      shared.taken(found, this);
      if (piece === null || piece.bytes === null) return read();
      this.isOut = false;
      into.set(piece.bytes);
      return piece.told as T;
    }
    if (!isForemost || into.byteLength > LIMITS.sharedReadWindowBytes.value) return read();
    // told of before it waits for room: who asks for it meanwhile waits with it
    const reading = shared.keep(key, into.byteLength, this, async () => {
      const told = await read();
      return { told, bytes: mayShare(told) ? Uint8Array.from(into) : null };
    });
    return (await reading).told as T;
  }

  leave(): void {
    this.#shared.left(this);
  }
}
