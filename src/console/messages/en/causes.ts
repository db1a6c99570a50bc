/** A cause as docs/explain.md lists it; `{side}` is filled in. */
export interface CauseWords {
  readonly cause: string;
  readonly fix: string;
}

/** The daemon itself explains in English, with figures: nothing to add. */
export const causes: Readonly<Record<string, CauseWords>> = {};
