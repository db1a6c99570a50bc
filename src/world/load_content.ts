/** Bytes of a block; each block begins with its number. */
export const LOAD_BLOCK_BYTES = 1024 * 1024;

/** What a file of a benchmark holds: noise that follows from its seed, in which no two blocks are the same. */
export class LoadContent {
  readonly #block = new Uint8Array(LOAD_BLOCK_BYTES);
  readonly #stamp = new DataView(this.#block.buffer, 0, 8);

  /** `seed`: 1 to 2^31. */
  constructor(seed: number) {
    const words = new Uint32Array(this.#block.buffer);
    for (let at = 0, state = seed; at < words.length; at += 1) {
      state = nextNoise(state);
      words[at] = state;
    }
  }

  /** Block `index` of the file. Valid until the next call. */
  block(index: number): Uint8Array {
    this.#stamp.setFloat64(0, index, true);
    return this.#block;
  }

  /** Whether `bytes` are what the file holds from `offset` on. */
  holds(bytes: Uint8Array, offset: number): boolean {
    for (let at = 0; at < bytes.byteLength; ) {
      const place = offset + at;
      const from = place % LOAD_BLOCK_BYTES;
      const count = Math.min(bytes.byteLength - at, LOAD_BLOCK_BYTES - from);
      const block = this.block(Math.floor(place / LOAD_BLOCK_BYTES));
      if (!isSame(block.subarray(from, from + count), bytes.subarray(at, at + count))) return false;
      at += count;
    }
    return true;
  }
}

/** xorshift32 (Marsaglia 2003). */
export function nextNoise(state: number): number {
  let next = state;
  next ^= next << 13;
  next ^= next >>> 17;
  next ^= next << 5;
  return next >>> 0;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

/** Mean and 99th percentile (nearest rank) of times in ms. */
export function latenciesOf(timesMs: Float64Array): { readonly meanUs: number; readonly p99Us: number } {
  if (timesMs.length === 0) return { meanUs: 0, p99Us: 0 };
  const sorted = timesMs.toSorted();
  const mean = sorted.reduce((sum, time) => sum + time, 0) / sorted.length;
  return { meanUs: mean * 1000, p99Us: sorted[Math.ceil(sorted.length * 0.99) - 1]! * 1000 };
}
