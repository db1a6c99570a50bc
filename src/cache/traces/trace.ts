const PAGE_BYTES = 4096;

/** Accesses of blocks in the order in which a cache sees them. */
export interface Trace {
  readonly name: string;
  /** The block of each access. Blocks are numbered from 0. */
  readonly keys: Uint32Array;
  /** Bytes of each block: less than the whole where a file ends. */
  readonly sizes: Uint32Array;
  /** When each access comes, in milliseconds from the first, as if every one were answered at once. */
  readonly atMs: Float64Array;
  /** Which machine asks. */
  readonly streams: Uint16Array;
}

/** A file of a trace: its blocks have numbers one after the other. */
export interface TraceFile {
  readonly firstBlock: number;
  readonly blockCount: number;
}

export interface TraceOptions {
  readonly seed: number;
  readonly blockBytes: number;
  /** About how many accesses there are; a trace ends with a whole round of what it does. */
  readonly accesses: number;
}

/** Collects a trace. */
export class TraceBuilder {
  readonly #blockBytes: number;
  readonly #sizes: number[] = [];
  readonly #keys: number[] = [];
  readonly #times: number[] = [];
  readonly #streams: number[] = [];
  #nowMs = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  get accesses(): number {
    return this.#keys.length;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A file of that size, at least a page; what is left of it in its last block is rounded up to pages. */
  file(sizeBytes: number): TraceFile {
    const firstBlock = this.#sizes.length;
    for (let left = Math.max(1, sizeBytes); left > 0; left -= this.#blockBytes)
      this.#sizes.push(Math.min(this.#blockBytes, Math.ceil(left / PAGE_BYTES) * PAGE_BYTES));
    return { firstBlock, blockCount: this.#sizes.length - firstBlock };
  }

  files(count: number, sizeBytes: () => number): TraceFile[] {
    return Array.from({ length: count }, () => this.file(sizeBytes()));
  }

  block(key: number, stream = 0): void {
    this.#keys.push(key);
    this.#times.push(this.#nowMs);
    this.#streams.push(stream);
  }

  /** All blocks of a file, or those from one of them on. */
  whole(file: TraceFile, stream = 0): void {
    for (let at = 0; at < file.blockCount; at += 1) this.block(file.firstBlock + at, stream);
  }

  wait(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Accesses come in the order of this clock; it may not go back. */
  at(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  build(name: string): Trace {
    return {
      name,
      keys: Uint32Array.from(this.#keys),
      sizes: Uint32Array.from(this.#sizes),
      atMs: Float64Array.from(this.#times),
      streams: Uint16Array.from(this.#streams),
    };
  }
}

/** Bytes of all blocks that a trace touches at least once. */
export function footprintBytes(trace: Trace): number {
  const seen = new Uint8Array(trace.sizes.length);
  let sum = 0;
  for (const key of trace.keys) {
    if (seen[key] === 0) sum += trace.sizes[key]!;
    seen[key] = 1;
  }
  return sum;
}
