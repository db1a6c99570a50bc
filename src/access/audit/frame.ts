import { concat } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { AEAD_TAG_BYTES, type Aead } from '../../world/cryptography.ts';
import { chainItems } from './chain.ts';
import { decodeFrameHead, encodeFrameHead, FRAME_HEAD_BYTES, FRAME_KIND, type FrameHead } from './layout.ts';

/** What is sealed together: the records of one batch, or a footer. */
export interface FrameContent {
  readonly kind: (typeof FRAME_KIND)[keyof typeof FRAME_KIND];
  /** Of the first record; of a footer, the one that the next segment begins with. */
  readonly firstSequence: number;
  readonly chainBefore: Uint8Array;
  readonly items: readonly Uint8Array[];
}

/** A frame as it was found, and proven by its tag. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly head: FrameHead;
  /** Chained items: see chain.ts. */
  readonly text: Uint8Array;
}

export function sealFrame(
  aead: Aead,
  key: Uint8Array,
  nonce: Uint8Array,
  content: FrameContent,
): { readonly bytes: Uint8Array; readonly chainAfter: Uint8Array } {
  const { text, chainAfter } = chainItems(content.chainBefore, content.items);
  const head = encodeFrameHead({
    kind: content.kind,
    records: content.kind === FRAME_KIND.records ? content.items.length : 0,
    sealedBytes: text.byteLength + AEAD_TAG_BYTES,
    firstSequence: content.firstSequence,
    nonce,
  });
  return { bytes: concat([head, aead.seal(key, nonce, text, head)]), chainAfter };
}

/** The frame that begins at `at`; null where none does, or its tag is wrong. */
export function openFrame(aead: Aead, key: Uint8Array, bytes: Uint8Array, at: number): Frame | null {
  const head = decodeFrameHead(bytes, at);
  if (head === null) return null;
  const bodyAt = at + FRAME_HEAD_BYTES;
  const end = bodyAt + head.sealedBytes;
  const text = aead.open(key, head.nonce, bytes.subarray(bodyAt, end), bytes.subarray(at, bodyAt));
  return text === null || text.byteLength < HASH_BYTES ? null : { start: at, end, head, text };
}
