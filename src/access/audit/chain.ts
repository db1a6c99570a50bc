import { equalBytes } from '../../base/bytes.ts';
import { HASH_BYTES, hashBytes } from '../../base/hash.ts';
import { ITEM_LENGTH_BYTES, viewOf } from './layout.ts';

/** Items with their chain values, in the form that layout.ts describes, and the value after the last one. */
export interface Chained {
  readonly text: Uint8Array;
  readonly chainAfter: Uint8Array;
}

/** Chains `items` to what came before. */
export function chainItems(chainBefore: Uint8Array, items: readonly Uint8Array[]): Chained {
  let sizeBytes = HASH_BYTES;
  for (const item of items) sizeBytes += ITEM_LENGTH_BYTES + item.byteLength + HASH_BYTES;
  const text = new Uint8Array(sizeBytes);
  const view = viewOf(text);
  text.set(chainBefore);
  let at = HASH_BYTES;
  for (const item of items) {
    view.setUint32(at, item.byteLength, true);
    text.set(item, at + ITEM_LENGTH_BYTES);
    const end = at + ITEM_LENGTH_BYTES + item.byteLength;
    text.set(hashBytes(text.subarray(at - HASH_BYTES, end)), end);
    at = end + HASH_BYTES;
  }
  return { text, chainAfter: text.slice(at - HASH_BYTES) };
}

/** An item of a chained text: where it stands, and whether the chain value after it is right. */
export interface ChainedItem {
  readonly start: number;
  readonly end: number;
  readonly isRight: boolean;
}

/** The items of a chained text. It ends early where a length is impossible, so that wrong text gives wrong or few items. */
export function* itemsOf(text: Uint8Array): Generator<ChainedItem> {
  const view = viewOf(text);
  let at = HASH_BYTES;
  while (at + ITEM_LENGTH_BYTES + HASH_BYTES <= text.byteLength) {
    const start = at + ITEM_LENGTH_BYTES;
    const end = start + view.getUint32(at, true);
    if (end + HASH_BYTES > text.byteLength) return;
    const chain = hashBytes(text.subarray(at - HASH_BYTES, end));
    yield { start, end, isRight: equalBytes(chain, text.subarray(end, end + HASH_BYTES)) };
    at = end + HASH_BYTES;
  }
}

export function chainBeforeOf(text: Uint8Array): Uint8Array {
  return text.subarray(0, HASH_BYTES);
}

export function chainAfterOf(text: Uint8Array): Uint8Array {
  return text.subarray(text.byteLength - HASH_BYTES);
}
