import type { Aead } from '../../world/cryptography.ts';
import type { CheckedDamage, CheckedFrame, CheckedPart } from './checked_part.ts';
import { FRAME_HEAD_BYTES, FRAME_KIND } from './layout.ts';
import { locateDamage } from './locate.ts';
import type { ProblemList } from './problem.ts';
import { SegmentOrder } from './segment_order.ts';

/** What a check of the frames of one segment has found, besides problems. */
export interface SegmentEnd {
  /** The sequence of the next record. */
  readonly nextSequence: number;
  /** The chain value after the last frame, hex; null where it is not known because of a problem. */
  readonly chain: string | null;
  /** After the last whole frame. */
  readonly sizeBytes: number;
  readonly isClosed: boolean;
}

export interface SegmentToCheck {
  readonly segment: number;
  readonly bytes: Uint8Array;
  readonly dataKey: Uint8Array;
  readonly parts: readonly CheckedPart[];
  readonly firstSequence: number;
  /** The chain value after the header, hex; null where it is not known. */
  readonly chain: string | null;
  readonly headerBytes: number;
}

/** Checks the frames of one segment, part by part: {@link step} takes one, {@link end} what is left. */
export class SegmentCheck {
  readonly #aead: Aead;
  readonly #of: SegmentToCheck;
  readonly #problems: ProblemList;
  readonly #order: SegmentOrder;
  /** Damaged parts of which it is not known yet which records they held. */
  #damages: CheckedDamage[] = [];
  #chain: string | null;
  #sizeBytes: number;
  #isClosed = false;

  constructor(aead: Aead, of: SegmentToCheck, problems: ProblemList) {
    this.#aead = aead;
    this.#of = of;
    this.#problems = problems;
    const frames = of.parts.filter((part) => part.kind !== null);
    this.#order = new SegmentOrder(frames, of.firstSequence);
    this.#chain = of.chain;
    this.#sizeBytes = of.headerBytes;
  }

  /** The next part of the file. */
  step(part: CheckedPart): void {
    if (part.kind === null) this.#damage(part);
    else this.#frame(part);
  }

  /** After the last part. `knownEnd` is the sequence that follows the last record, where it is known. */
  end(knownEnd: number | null): SegmentEnd {
    const { next: nextSequence } = this.#order;
    const isAllThere = knownEnd !== null && knownEnd <= nextSequence;
    this.#tellDamages(isAllThere ? null : { from: nextSequence, until: knownEnd });
    return { nextSequence, chain: this.#chain, sizeBytes: this.#sizeBytes, isClosed: this.#isClosed };
  }

  #frame(frame: CheckedFrame): void {
    const expected = this.#order.next;
    const placement = this.#order.place(frame);
    const { firstSequence, records } = frame;
    const where = { segment: this.#of.segment, fromByte: frame.start, toByte: frame.end };
    const own = { firstSequence, lastSequence: firstSequence + records - 1 };
    if (this.#isClosed) {
      this.#tell({ kind: 'foreign', ...where, ...own, message: 'something stands behind the footer' });
    } else if (placement.kind === 'moved' || placement.kind === 'repeated') {
      const message =
        placement.kind === 'moved'
          ? `record ${firstSequence} stands in the place of record ${expected}, or after it`
          : `record ${firstSequence} stands there a second time`;
      this.#tell({ kind: placement.kind, ...where, ...own, message });
      if (placement.kind === 'moved') this.#chain = null; // what follows does not follow this one
    } else {
      this.#inOrder(frame, placement.kind === 'gap' ? placement.firstSequence : null, where);
    }
  }

  #inOrder(
    frame: CheckedFrame,
    gapFrom: number | null,
    where: { segment: number; fromByte: number; toByte: number },
  ): void {
    const { firstSequence } = frame;
    if (gapFrom !== null) this.#chain = null;
    if (gapFrom !== null && this.#damages.length === 0) {
      const gone = { firstSequence: gapFrom, lastSequence: firstSequence - 1 };
      const message = `${named(gapFrom, firstSequence - 1)}: gone from before this byte`;
      this.#tell({ kind: 'missing', ...where, toByte: where.fromByte, ...gone, message });
    }
    this.#tellDamages(gapFrom === null ? null : { from: gapFrom, until: firstSequence });
    this.#checkChain(frame);
    this.#chain = frame.chainAfter;
    this.#sizeBytes = frame.end;
    this.#isClosed = frame.kind === FRAME_KIND.footer;
  }

  /** What is proven by its tag was written by who has the keys: a chain that does not fit is their doing. */
  #checkChain(frame: CheckedFrame): void {
    const { segment } = this.#of;
    const { start, firstSequence } = frame;
    if (this.#chain !== null && frame.chainBefore !== this.#chain) {
      const at = { fromByte: start, toByte: start + FRAME_HEAD_BYTES };
      const message = `${named(firstSequence, null)} does not follow what stands before it`;
      this.#tell({ kind: 'foreign', segment, ...at, firstSequence, message });
    }
    for (const { index, fromByte, toByte } of frame.wrongItems) {
      const sequence = firstSequence + index;
      const sequences = { firstSequence: sequence, lastSequence: sequence };
      const message = `${named(sequence, null)}: changed`;
      this.#tell({ kind: 'edited', segment, fromByte, toByte, ...sequences, message });
    }
  }

  #damage(damage: CheckedDamage): void {
    const { segment, bytes, dataKey } = this.#of;
    const firstSequence = this.#order.next;
    const located =
      this.#damages.length > 0 ? null : locateDamage(this.#aead, dataKey, bytes, damage, firstSequence);
    this.#chain = null;
    if (located === null) {
      this.#damages.push(damage);
      return;
    }
    for (const part of located.changed) {
      const { firstSequence: first, lastSequence: last } = part;
      const what = first === null ? 'what stands around records' : named(first, last);
      this.#tell({ kind: 'edited', segment, ...part, message: `${what}: changed` });
    }
    this.#order.skipTo(firstSequence + located.records);
  }

  /** `lost` are the records that stood there; until where may not be known. */
  #tellDamages(lost: { readonly from: number; readonly until: number | null } | null): void {
    const firstSequence = lost?.from ?? null;
    const lastSequence = lost === null || lost.until === null ? null : lost.until - 1;
    const message =
      firstSequence === null
        ? 'bytes are no record'
        : `${named(firstSequence, lastSequence)}: not to be read any more`;
    for (const { start: fromByte, end: toByte } of this.#damages) {
      const { segment } = this.#of;
      this.#tell({ kind: 'edited', segment, fromByte, toByte, firstSequence, lastSequence, message });
    }
    this.#damages = [];
  }

  #tell(problem: Parameters<ProblemList['add']>[0]): void {
    this.#problems.add(problem);
  }
}

function named(first: number, last: number | null): string {
  return last === null || last === first ? `record ${first}` : `records ${first} to ${last}`;
}
