import { assert } from '../../base/assert.ts';
import { LIMITS } from '../../base/limits.ts';

export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Ranges of a file in ascending order that neither touch nor overlap: its holes, or its data. 16 bytes a range. */
export class RangeList implements Iterable<ByteRange> {
  #count = 0;
  #bounds = new Float64Array(8);
  #totalBytes = 0;
  #overflowed = false;

  get count(): number {
    return this.#count;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Ranges were left out because there were more than LIMITS.sparseRangesMax. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Adds a range that begins where the last one ended or later; touching ranges become one. */
  add(offset: number, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    const lastEnd = this.#count === 0 ? Number.NEGATIVE_INFINITY : this.#bounds[2 * this.#count - 1]!;
    assert(offset >= 0 && offset >= lastEnd && lengthBytes > 0, 'ranges are added in order');
    if (offset === lastEnd) {
      this.#bounds[2 * this.#count - 1] = offset + lengthBytes;
    } else if (this.#count === LIMITS.sparseRangesMax.value) {
      this.#overflowed = true;
      return;
    } else {
      if (2 * this.#count === this.#bounds.length) this.#grow();
      this.#bounds[2 * this.#count] = offset;
      this.#bounds[2 * this.#count + 1] = offset + lengthBytes;
      this.#count += 1;
    }
    this.#totalBytes += lengthBytes;
  }

  *[Symbol.iterator](): IterableIterator<ByteRange> {
    for (let i = 0; i < this.#count; i += 1) {
      const offset = this.#bounds[2 * i]!;
      yield { offset, lengthBytes: this.#bounds[2 * i + 1]! - offset };
    }
  }

  /** What lies between the ranges, up to `sizeBytes`. */
  *gaps(sizeBytes: number): IterableIterator<ByteRange> {
    let at = 0;
    for (const { offset, lengthBytes } of this) {
      if (offset >= sizeBytes) break;
      if (offset > at) yield { offset: at, lengthBytes: offset - at };
      at = offset + lengthBytes;
    }
    if (at < sizeBytes) yield { offset: at, lengthBytes: sizeBytes - at };
  }

  /** Whether the whole range lies within one of these. */
  covers(offset: number, lengthBytes: number): boolean {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[2 * middle + 1]! <= offset) low = middle + 1;
      else if (this.#bounds[2 * middle]! > offset) high = middle - 1;
      else return offset + lengthBytes <= this.#bounds[2 * middle + 1]!;
    }
    return false;
  }

  #grow(): void {
    const bounds = new Float64Array(2 * this.#bounds.length);
    bounds.set(this.#bounds);
    this.#bounds = bounds;
  }
}
