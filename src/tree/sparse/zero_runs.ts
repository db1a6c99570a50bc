import { assert } from '../../base/assert.ts';
import { LIMITS } from '../../base/limits.ts';
import { isZeroRange } from '../../base/zeros.ts';
import { RangeList } from './range_list.ts';

/** The unit in which file systems keep holes. */
const BLOCK_BYTES = 4096;

/**
 * Finds the holes that a file could have: runs of zeros in whole blocks of 4 KiB (the last block of the file may be
 * shorter), of at least LIMITS.holeMinBytes. Takes the bytes of a file from its start, in pieces of any length.
 */
export class ZeroRuns {
  readonly #holes = new RangeList();
  readonly #minBytes: number;
  #offset = 0;
  /** Where the zeros that reach up to the block in work began. */
  #runStart = 0;
  /** Whether the block in work holds zeros only, as far as it is known. */
  #blockIsZero = true;

  constructor(minBytes: number = LIMITS.holeMinBytes.value) {
    this.#minBytes = minBytes;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const inBlock = this.#offset % BLOCK_BYTES;
      const end = Math.min(bytes.byteLength, at + BLOCK_BYTES - inBlock);
      if (this.#blockIsZero) this.#blockIsZero = isZeroRange(bytes, at, end);
      this.#offset += end - at;
      at = end;
      if (this.#offset % BLOCK_BYTES === 0) this.#endBlock(BLOCK_BYTES);
    }
  }

  /** A part of the file that is known to be zeros, for example a checked hole; whole blocks are not looked at. */
  pushZeros(lengthBytes: number): void {
    assert(lengthBytes >= 0, 'a length is not negative');
    const end = this.#offset + lengthBytes;
    const blockEnd = this.#offset - (this.#offset % BLOCK_BYTES) + BLOCK_BYTES;
    if (end >= blockEnd) {
      this.#offset = blockEnd;
      this.#endBlock(BLOCK_BYTES);
    }
    this.#offset = end;
  }

  /** The holes, once all bytes were pushed. */
  finish(): RangeList {
    const rest = this.#offset % BLOCK_BYTES;
    if (rest > 0) this.#endBlock(rest);
    this.#closeRun(this.#offset);
    return this.#holes;
  }

  #endBlock(blockBytes: number): void {
    if (!this.#blockIsZero) {
      this.#closeRun(this.#offset - blockBytes);
      this.#runStart = this.#offset;
    }
    this.#blockIsZero = true;
  }

  #closeRun(end: number): void {
    if (end - this.#runStart >= this.#minBytes) this.#holes.add(this.#runStart, end - this.#runStart);
    this.#runStart = end;
  }
}
