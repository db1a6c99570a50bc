import { LIMITS } from '../../base/limits.ts';

/**
 * `edited`: bytes are not what was written. `cut`: the end is gone. `missing`: records or a whole segment are gone.
 * `moved`: they stand in another place. `repeated`: they stand there twice. `foreign`: they belong to something else.
 * `head`, `checkpoint`: the note of the end, or of what was deleted, cannot be trusted.
 */
export type AuditProblemKind =
  | 'edited'
  | 'cut'
  | 'missing'
  | 'moved'
  | 'repeated'
  | 'foreign'
  | 'head'
  | 'checkpoint';

/** Something that is not as the daemon wrote it, and where. */
export interface AuditProblem {
  readonly kind: AuditProblemKind;
  /** 0 where it is about no segment. */
  readonly segment: number;
  /** Bytes of the segment's file, the end excluded; null where nothing is left. */
  readonly fromByte: number | null;
  readonly toByte: number | null;
  /** The records that it is about; null where none, or not known which. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  readonly message: string;
}

/** Collects problems; of very many the first ones are listed and all are counted. */
export class ProblemList {
  readonly list: AuditProblem[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(problem: Partial<AuditProblem> & Pick<AuditProblem, 'kind' | 'segment' | 'message'>): void {
    this.#total += 1;
    if (this.list.length >= LIMITS.auditProblemsMax.value) return;
    const nowhere = { fromByte: null, toByte: null, firstSequence: null, lastSequence: null };
    this.list.push({ ...nowhere, ...problem });
  }
}
