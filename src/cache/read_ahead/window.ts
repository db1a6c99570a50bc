const KIB = 1024;
const MIB = 1024 * KIB;

/** Largest piece that one stream has ahead of its reader. */
export const WINDOW_MAX_BYTES = 16 * MIB;
export const WINDOW_MIN_BYTES = 128 * KIB;
/** So many of the pieces that a reader takes are fetched ahead at least, where they are large. */
const PIECES_MIN = 3;
/** Of what was read, so much may have been fetched in vain; a little less than the twentieth that is promised. */
const WASTE_SHARE = 0.037;
/** What may be wasted before anything was read. */
const FIRST_CREDIT_BYTES = MIB;
/** How often streams have to end where their files do, of the last eight or so, for their windows to double freely. */
const TRUST_NEEDED = 0.8;
const TRUST_STEP = 1 / 8;
/** Memory pressure from which on nothing is fetched ahead. */
const PRESSURE_MAX = 0.95;

/** What is measured outside, and decides how far ahead it pays to fetch. */
export interface Conditions {
  /** From a request for a byte to its arrival, in milliseconds. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
  /** 0 where there is memory to spare, 1 where there is none. */
  readonly pressure: number;
}

/**
 * How far ahead a stream may be: twice what comes in one latency, less under memory pressure, and no more than reading so
 * far has earned. Where streams end where their files do, nothing is wasted, and a window is what the stream has read;
 * where they end early, it stays a small part of that.
 */
export class Windows {
  #targetBytes = WINDOW_MIN_BYTES;
  /** 1 where there is memory to spare, 0 where there is none. */
  #spare = 1;
  #readBytes = 0;
  #wastedBytes = 0;
  #aheadBytes = 0;
  #endTrust = 0.5;

  set(conditions: Conditions): void {
    const { latencyMs, bytesPerSecond, pressure } = conditions;
    const inOneLatency = (latencyMs / 1000) * bytesPerSecond;
    const wanted = Math.min(WINDOW_MAX_BYTES, Math.max(WINDOW_MIN_BYTES, 2 * inOneLatency));
    this.#spare = 1 - Math.max(0, pressure);
    this.#targetBytes = pressure >= PRESSURE_MAX ? 0 : wanted * this.#spare;
  }

  /** Fetched ahead, and never read or not for long. */
  get wastedBytes(): number {
    return this.#wastedBytes;
  }

  noteRead(lengthBytes: number): void {
    this.#readBytes += lengthBytes;
  }

  /** By how much that which is fetched and not read yet, of all streams, has become more; or less. */
  noteAhead(changeBytes: number): void {
    this.#aheadBytes += changeBytes;
  }

  /** A stream stopped with so much ahead of it; negative where it goes on after all. */
  noteWaste(lengthBytes: number): void {
    this.#wastedBytes += lengthBytes;
    this.#endTrust += (Math.sign(-lengthBytes) / 2 + 0.5 - this.#endTrust) * TRUST_STEP;
  }

  /** A stream came to the end of its file. */
  noteWhole(): void {
    this.#endTrust += (1 - this.#endTrust) * TRUST_STEP;
  }

  /** However near it is: what a reader that takes large pieces asks for next would never be there otherwise. */
  #targetFor(lengthBytes: number): number {
    const pieces = lengthBytes > WINDOW_MIN_BYTES ? PIECES_MIN * lengthBytes : 0;
    return Math.min(WINDOW_MAX_BYTES, Math.max(this.#targetBytes, pieces * this.#spare));
  }

  /**
   * For a stream that has read so many bytes in requests of that length. What all streams together have ahead is no more
   * than may be wasted, but for those that are a small part of what their stream has read, or that are trusted.
   */
  bytesFor(streamedBytes: number, lengthBytes: number, itsAheadBytes: number): number {
    if (this.#targetBytes === 0) return 0;
    const credit = FIRST_CREDIT_BYTES + this.#readBytes * WASTE_SHARE - this.#wastedBytes;
    const isFree = this.#endTrust >= TRUST_NEEDED && credit > 0;
    const free = credit - (this.#aheadBytes - itsAheadBytes);
    const lent = isFree ? streamedBytes : Math.min(free, streamedBytes);
    const least = credit > 0 ? Math.min(WINDOW_MIN_BYTES, lengthBytes) : 0;
    return Math.min(this.#targetFor(lengthBytes), Math.max(least, lent, streamedBytes * WASTE_SHARE));
  }
}
