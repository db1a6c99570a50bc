import { equalBytes } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { AEAD_TAG_BYTES, type Aead } from '../../world/cryptography.ts';
import { type ChainedItem, itemsOf } from './chain.ts';
import { decodeFooter } from './footer.ts';
import { decodeFrameHead, encodeFrameHead, FRAME_HEAD_BYTES, FRAME_KIND, type FrameHead } from './layout.ts';

/** Bytes of a segment that are no whole frame. */
interface Damage {
  readonly start: number;
  readonly end: number;
}

/** A part of a damaged frame that was changed. */
export interface ChangedPart {
  readonly fromByte: number;
  readonly toByte: number;
  /** The records that were changed; null where none was. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
}

/** What could be found out about a damaged frame. */
export interface LocatedDamage {
  /** How many records it held. */
  readonly records: number;
  readonly changed: readonly ChangedPart[];
}

/**
 * Finds the changed records of a frame whose tag is wrong. AES-GCM turns a changed byte into a changed byte in the same
 * place, so that the chain values around it tell the changed record from its neighbours. Null where nothing of the frame
 * is as it was: then the whole frame is what was changed. `firstSequence` is that of its first record.
 */
export function locateDamage(
  aead: Aead,
  dataKey: Uint8Array,
  bytes: Uint8Array,
  damage: Damage,
  firstSequence: number,
): LocatedDamage | null {
  const { start, end } = damage;
  const head = decodeFrameHead(bytes, start);
  const textAt = start + FRAME_HEAD_BYTES;
  if (head === null || textAt + head.sealedBytes !== end) return null;
  const text = aead.reveal(dataKey, head.nonce, bytes.subarray(textAt, end));
  const items = [...itemsOf(text)];
  if (!items.some((item) => item.isRight)) return null;
  const changed = wrongRuns(items).map(
    ([from, to]): ChangedPart => ({
      fromByte: textAt + (from === 0 ? 0 : itemStart(items, from)),
      toByte: textAt + itemStart(items, to + 1),
      firstSequence: firstSequence + from,
      lastSequence: firstSequence + to,
    }),
  );
  const rest = itemStart(items, items.length);
  if (changed.length === 0 && rest === text.byteLength && isFooter(text, items)) {
    return {
      records: 0,
      changed: [around(bytes, damage, { ...head, kind: FRAME_KIND.footer, records: 0, firstSequence })],
    };
  }
  const records = Math.max(items.length, Math.min(head.records, items.length + (text.byteLength - rest)));
  if (rest < text.byteLength) {
    // a changed length: the item that has it looks wrong too, unless the length is too large for any item
    const before = items.at(-1)?.isRight === false ? changed.pop() : undefined;
    changed.push({
      fromByte: before?.fromByte ?? textAt + rest,
      toByte: end - AEAD_TAG_BYTES,
      firstSequence: before?.firstSequence ?? firstSequence + items.length,
      lastSequence: firstSequence + records - 1,
    });
  }
  if (changed.length > 0) return { records, changed };
  const right = { ...head, kind: FRAME_KIND.records, records, firstSequence };
  return { records, changed: [around(bytes, damage, right)] };
}

/** Every item is right: what was changed is the head, where it is not as it should be, or the tag. */
function around(bytes: Uint8Array, { start, end }: Damage, rightHead: FrameHead): ChangedPart {
  const textAt = start + FRAME_HEAD_BYTES;
  const isHead = !equalBytes(encodeFrameHead(rightHead), bytes.subarray(start, textAt));
  const [fromByte, toByte] = isHead ? [start, textAt] : [end - AEAD_TAG_BYTES, end];
  return { fromByte, toByte, firstSequence: null, lastSequence: null };
}

function isFooter(text: Uint8Array, items: readonly ChainedItem[]): boolean {
  const [only] = items;
  if (only === undefined || items.length > 1) return false;
  try {
    decodeFooter(text.subarray(only.start, only.end));
    return true;
  } catch {
    return false; // a record is no footer
  }
}

/** Where an item begins, its length included; behind the last one, where the next would. */
function itemStart(items: readonly ChainedItem[], at: number): number {
  const before = items[at - 1];
  return before === undefined ? HASH_BYTES : before.end + HASH_BYTES;
}

/** Neighbours that are wrong, first and last of each group: a changed chain value makes two items look wrong. */
function wrongRuns(items: readonly ChainedItem[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const [at, item] of items.entries()) {
    if (item.isRight) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === at - 1) last[1] = at;
    else runs.push([at, at]);
  }
  return runs;
}
