import type { CheckedFrame } from './checked_part.ts';

/** Why a frame is not where it should be, or that it is. */
export type Placement =
  | { readonly kind: 'right' }
  /** Records before it are gone: from `firstSequence` to the one before its own. */
  | { readonly kind: 'gap'; readonly firstSequence: number }
  | { readonly kind: 'moved' }
  | { readonly kind: 'repeated' };

/**
 * Compares the order of frames with their sequences. Frames that changed places are both told as moved, and those between
 * them as right: a frame in the place of one that stands elsewhere stands for it.
 */
export class SegmentOrder {
  /** Where the frame with this first sequence stands first. */
  readonly #byFirst = new Map<number, CheckedFrame>();
  /** Frames that were met before their turn. */
  readonly #early = new Map<number, CheckedFrame>();
  #next: number;

  constructor(frames: readonly CheckedFrame[], firstSequence: number) {
    this.#next = firstSequence;
    for (const frame of frames) {
      const { firstSequence: first, records } = frame;
      if (records > 0 && !this.#byFirst.has(first)) this.#byFirst.set(first, frame);
    }
  }

  /** The sequence of the record that should come next. */
  get next(): number {
    return this.#next;
  }

  /** Records up to `sequence`, excluded, are accounted for. */
  skipTo(sequence: number): void {
    this.#next = Math.max(this.#next, sequence);
    this.#skipEarly();
  }

  /** The placement of the next frame of the file. */
  place(frame: CheckedFrame): Placement {
    const { firstSequence: first, records } = frame;
    const firstOfIts = this.#byFirst.get(first);
    if (records > 0 && firstOfIts !== frame) return { kind: 'repeated' };
    const expected = this.#byFirst.get(this.#next);
    if (first < this.#next) {
      // it comes late: in its place stands another, whose turn this is
      return { kind: 'moved' };
    }
    if (first > this.#next && expected !== undefined && expected.start > frame.start) {
      this.#early.set(first, frame);
      this.skipTo(endOf(expected));
      return { kind: 'moved' };
    }
    const gapFrom = this.#next;
    this.skipTo(first + records);
    return first > gapFrom ? { kind: 'gap', firstSequence: gapFrom } : { kind: 'right' };
  }

  #skipEarly(): void {
    for (let early = this.#early.get(this.#next); early !== undefined; early = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#next = endOf(early);
    }
  }
}

function endOf(frame: CheckedFrame): number {
  return frame.firstSequence + frame.records;
}
