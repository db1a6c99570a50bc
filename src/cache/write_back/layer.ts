/** Where a record of the journal lies. */
export interface RecordPlace {
  /** Number of its segment. */
  readonly segment: number;
  /** Bytes of the segment before it. */
  readonly at: number;
  /** Bytes of its frame. */
  readonly frameBytes: number;
  /** How many records of the segment come before it. */
  readonly index: number;
}

/** Bytes of a file from `from` to before `to`, which a record holds from byte `skip` of its data on. */
export interface Extent {
  readonly from: number;
  readonly to: number;
  readonly place: RecordPlace;
  readonly skip: number;
}

/** A part of what a reader gets: bytes of a record, zeros, or what the layer below has there. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly source: Extent | 'zeros' | 'below';
}

/** A layer as it is kept in a journal. */
export interface LayerState {
  readonly cutBytes: number;
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
}

/**
 * What was written to a file since a moment, over what it held then: the bytes before `cutBytes` that no extent has are those
 * of below, all others are zeros. Pure; it holds places of bytes, not bytes.
 */
export class Layer {
  #cutBytes: number;
  #sizeBytes: number;
  readonly #extents: Extent[];
  #writtenBytes: number;

  private constructor(state: LayerState) {
    this.#cutBytes = state.cutBytes;
    this.#sizeBytes = state.sizeBytes;
    this.#extents = [...state.extents];
    this.#writtenBytes = sumOf(this.#extents);
  }

  /** Nothing was written yet over a file of that size. */
  static over(sizeBytes: number): Layer {
    return new Layer({ cutBytes: sizeBytes, sizeBytes, extents: [] });
  }

  static of(state: LayerState): Layer {
    return new Layer(state);
  }

  get state(): LayerState {
    return { cutBytes: this.#cutBytes, sizeBytes: this.#sizeBytes, extents: this.#extents };
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get cutBytes(): number {
    return this.#cutBytes;
  }

  /** In order, none overlaps another one, and none is empty. */
  get extents(): readonly Extent[] {
    return this.#extents;
  }

  /** Bytes that were written and still show. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  write(from: number, sizeBytes: number, place: RecordPlace): void {
    if (sizeBytes === 0) return;
    const to = from + sizeBytes;
    this.#replace(from, to, [{ from, to, place, skip: 0 }]);
    this.#sizeBytes = Math.max(this.#sizeBytes, to);
  }

  truncate(sizeBytes: number): void {
    this.#replace(sizeBytes, Number.POSITIVE_INFINITY, []);
    this.#cutBytes = Math.min(this.#cutBytes, sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  /** What lies from `from` to before `to`, or to the end of the file where that comes first; in order. */
  pieces(from: number, to: number): Piece[] {
    const end = Math.min(to, this.#sizeBytes);
    const found: Piece[] = [];
    let at = from;
    const gapTo = (next: number) => {
      const belowTo = Math.min(next, Math.max(at, this.#cutBytes));
      if (belowTo > at) found.push({ from: at, to: belowTo, source: 'below' });
      if (next > belowTo) found.push({ from: belowTo, to: next, source: 'zeros' });
      at = next;
    };
    for (let i = this.#firstEndingAfter(from); i < this.#extents.length && at < end; i += 1) {
      const extent = this.#extents[i] as Extent;
      if (extent.from >= end) break;
      if (extent.from > at) gapTo(extent.from);
      const until = Math.min(extent.to, end);
      found.push({ from: at, to: until, source: extent });
      at = until;
    }
    if (at < end) gapTo(end);
    return found;
  }

  #replace(from: number, to: number, middle: readonly Extent[]): void {
    const first = this.#firstEndingAfter(from);
    let last = first;
    const left: Extent[] = [];
    const right: Extent[] = [];
    for (; last < this.#extents.length; last += 1) {
      const extent = this.#extents[last] as Extent;
      if (extent.from >= to) break;
      if (extent.from < from) left.push({ ...extent, to: from });
      if (extent.to > to) right.push({ ...extent, from: to, skip: extent.skip + to - extent.from });
    }
    const put = [...left, ...middle, ...right];
    const gone = this.#extents.splice(first, last - first, ...put);
    this.#writtenBytes += sumOf(put) - sumOf(gone);
  }

  #firstEndingAfter(offset: number): number {
    let [low, high] = [0, this.#extents.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#extents[middle] as Extent).to > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function sumOf(extents: readonly Extent[]): number {
  let sum = 0;
  for (const { from, to } of extents) sum += to - from;
  return sum;
}
