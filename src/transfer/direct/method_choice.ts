import { LIMITS } from '../../base/limits.ts';
import type { DirectMethod } from '../../wire/direct_fields.ts';

/** Ways to copy a piece of a file. The first one of those that were not measured is tried first. */
export type PieceMethod = Exclude<DirectMethod, 'reflink'>;
const PIECE_METHODS: readonly PieceMethod[] = ['copy_file_range', 'direct'];

interface Measured {
  bytes: number;
  ms: number;
}

/**
 * Which way of copying comes next: each that works is measured, then the fastest one is taken. What is measured is the
 * copying alone: to flush and to compare costs the same whatever copied.
 */
export class MethodChoice {
  readonly #measured = new Map<PieceMethod, Measured>(
    PIECE_METHODS.map((method) => [method, { bytes: 0, ms: 0 }]),
  );
  #pieces = 0;
  #shares: 'unknown' | 'yes' | 'no' = 'unknown';

  /** Whether the two file systems may share blocks. */
  get mayShare(): boolean {
    return this.#shares !== 'no';
  }

  /** Whether a file came to share the blocks of its source. One that cannot, once others could, says nothing of the next. */
  shared(did: boolean): void {
    if (did) this.#shares = 'yes';
    else if (this.#shares === 'unknown') this.#shares = 'no';
  }

  /** The way for the next piece. */
  next(): PieceMethod {
    this.#pieces += 1;
    const known = [...this.#measured];
    const untried = known.find(([, { bytes }]) => bytes < LIMITS.directTrialBytes.value);
    if (untried) return untried[0];
    known.sort(([, a], [, b]) => b.bytes / b.ms - a.bytes / a.ms);
    const other = known.length > 1 && this.#pieces % LIMITS.directTrialEvery.value === 0;
    return known[other ? 1 : 0]![0];
  }

  /** A piece was copied, in `ms` milliseconds. */
  took(method: PieceMethod, bytes: number, ms: number): void {
    const measured = this.#measured.get(method);
    if (measured === undefined) return;
    measured.bytes += bytes;
    measured.ms += Math.max(ms, MS_MIN);
  }

  /** The system does not copy that way between these files. Reading and writing is left in any case. */
  refused(method: PieceMethod): void {
    if (method !== 'direct') this.#measured.delete(method);
  }
}

/** Nothing takes no time, whatever a coarse clock says. */
const MS_MIN = 0.001;
