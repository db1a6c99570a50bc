/** A cause as docs/explain.md lists it; what stands in braces is filled in. */
export interface CauseWords {
  readonly cause: string;
  /** A part (they are separated by `；`) with a figure that is not known is left out. */
  readonly evidence: string;
  readonly fix: string;
}

/** The daemon itself explains in English, with figures: nothing to add. */
export const causes: Readonly<Record<string, CauseWords>> = {};
