import { toHex } from '../../base/bytes.ts';
import { chainAfterOf, chainBeforeOf, itemsOf } from './chain.ts';
import { FRAME_HEAD_BYTES } from './layout.ts';
import type { Damage, Part } from './segment_scan.ts';

/** An item whose chain value is wrong although the frame's tag is right; bytes of the file. */
export interface WrongItem {
  readonly index: number;
  readonly fromByte: number;
  readonly toByte: number;
}

/** What of a frame is needed to check its place. Its text is not kept: a segment may have tens of thousands of frames. */
export interface CheckedFrame {
  readonly start: number;
  readonly end: number;
  /** Of layout.ts. */
  readonly kind: number;
  readonly records: number;
  readonly firstSequence: number;
  /** Hex, as all chain values of a check. */
  readonly chainBefore: string;
  readonly chainAfter: string;
  readonly wrongItems: readonly WrongItem[];
}

/** A part of a segment, after its own bytes were checked. */
export type CheckedPart = CheckedFrame | CheckedDamage;

export interface CheckedDamage extends Omit<Damage, 'frame'> {
  readonly kind: null;
}

const NONE: readonly WrongItem[] = [];

export function checkPart(part: Part): CheckedPart {
  const { frame } = part;
  if (frame === null) {
    const { start, end } = part as Damage;
    return { start, end, kind: null };
  }
  const { start, end, head, text } = frame;
  const { kind, records, firstSequence } = head;
  const [chainBefore, chainAfter] = [toHex(chainBeforeOf(text)), toHex(chainAfterOf(text))];
  const wrongItems = wrongItemsOf(text, start + FRAME_HEAD_BYTES);
  return { start, end, kind, records, firstSequence, chainBefore, chainAfter, wrongItems };
}

function wrongItemsOf(text: Uint8Array, textAt: number): readonly WrongItem[] {
  let wrong = NONE;
  let index = 0;
  for (const item of itemsOf(text)) {
    if (!item.isRight) {
      wrong = [...wrong, { index, fromByte: textAt + item.start, toByte: textAt + item.end }];
    }
    index += 1;
  }
  return wrong;
}
