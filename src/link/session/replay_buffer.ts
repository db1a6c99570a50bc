import { assert } from '../../base/assert.ts';

interface Part {
  readonly bytes: Uint8Array;
  /** Offset of its first byte in the stream of all reliable bytes. */
  readonly startsAt: number;
  /** Set on the last part of a write. */
  readonly onReleased: (() => void) | undefined;
}

const COMPACT_AFTER = 256;

/**
 * The reliable bytes that the peer has not acknowledged, as references to the parts that were written:
 * acknowledgedAt ≤ sentAt ≤ queuedAt. `take` moves the middle one forward, `rewind` back after a cut.
 */
export class ReplayBuffer {
  #parts: Part[] = [];
  /** Index of the first part that is not acknowledged in whole. */
  #first = 0;
  /** Index of the part that `sentAt` lies in. */
  #next = 0;
  #acknowledgedAt = 0;
  #sentAt = 0;
  #queuedAt = 0;

  get acknowledgedAt(): number {
    return this.#acknowledgedAt;
  }

  get sentAt(): number {
    return this.#sentAt;
  }

  get queuedAt(): number {
    return this.#queuedAt;
  }

  push(parts: readonly Uint8Array[], onReleased?: () => void): void {
    const last = parts.findLastIndex((part) => part.byteLength > 0);
    if (last < 0) {
      onReleased?.();
      return;
    }
    for (let i = 0; i <= last; i += 1) {
      const bytes = parts[i] as Uint8Array;
      if (bytes.byteLength === 0) continue;
      this.#parts.push({ bytes, startsAt: this.#queuedAt, onReleased: i === last ? onReleased : undefined });
      this.#queuedAt += bytes.byteLength;
    }
  }

  /** Appends references to the next at most `maxBytes` unsent bytes to `out`; returns how many bytes they have. */
  take(maxBytes: number, out: Uint8Array[]): number {
    let taken = 0;
    while (taken < maxBytes) {
      const part = this.#parts[this.#next];
      if (part === undefined) break;
      const from = this.#sentAt - part.startsAt;
      const length = Math.min(part.bytes.byteLength - from, maxBytes - taken);
      const whole = length === part.bytes.byteLength;
      out.push(whole ? part.bytes : part.bytes.subarray(from, from + length));
      taken += length;
      this.#sentAt += length;
      if (from + length === part.bytes.byteLength) this.#next += 1;
    }
    return taken;
  }

  /** The peer has everything before `offset`: releases the writes that lie before it. */
  acknowledge(offset: number): void {
    assert(
      offset >= this.#acknowledgedAt && offset <= this.#queuedAt,
      'an acknowledgement of bytes that are kept',
    );
    this.#acknowledgedAt = offset;
    if (this.#sentAt < offset) this.#sentAt = offset;
    const released: (() => void)[] = [];
    for (;;) {
      const part = this.#parts[this.#first];
      if (part === undefined || part.startsAt + part.bytes.byteLength > offset) break;
      this.#parts[this.#first] = EMPTY_PART;
      this.#first += 1;
      if (part.onReleased) released.push(part.onReleased);
    }
    if (this.#next < this.#first) this.#next = this.#first;
    this.#compact();
    for (const onReleased of released) onReleased();
  }

  /** Everything that is not acknowledged is unsent again. */
  rewind(): void {
    this.#sentAt = this.#acknowledgedAt;
    this.#next = this.#first;
  }

  /** Drops and releases everything. */
  releaseAll(): void {
    const parts = this.#parts.splice(0).slice(this.#first);
    this.#first = 0;
    this.#next = 0;
    this.#acknowledgedAt = this.#queuedAt;
    this.#sentAt = this.#queuedAt;
    for (const part of parts) part.onReleased?.();
  }

  #compact(): void {
    if (this.#first < COMPACT_AFTER || this.#first * 2 < this.#parts.length) return;
    this.#parts = this.#parts.slice(this.#first);
    this.#next -= this.#first;
    this.#first = 0;
  }
}

const EMPTY_PART: Part = { bytes: new Uint8Array(0), startsAt: 0, onReleased: undefined };
