import type { Aead } from '../../world/cryptography.ts';
import { type Frame, openFrame } from './frame.ts';
import { decodeFrameHead, FRAME_HEAD_BYTES, FRAME_MAGIC, HEADER_BYTES } from './layout.ts';

/** Bytes of a segment that are no frame, or one whose tag is wrong. */
export interface Damage {
  readonly start: number;
  readonly end: number;
  readonly frame: null;
}

/** What a segment is made of, in the order of the file. */
export type Part = { readonly frame: Frame } | Damage;

/**
 * The frames of a segment, and what lies between them. After damage it goes on where the damaged frame says that it ends,
 * or else with the next frame that can be opened anywhere.
 */
export function* scanSegment(aead: Aead, dataKey: Uint8Array, bytes: Uint8Array): Generator<Part> {
  let at = HEADER_BYTES;
  let known: Frame | null = null;
  while (at < bytes.byteLength) {
    const frame: Frame | null = known ?? openFrame(aead, dataKey, bytes, at);
    known = null;
    if (frame !== null) {
      yield { frame };
      at = frame.end;
      continue;
    }
    known = nextFrame(aead, dataKey, bytes, at);
    const end: number = known?.start ?? bytes.byteLength;
    yield { start: at, end, frame: null };
    at = end;
  }
}

function nextFrame(aead: Aead, dataKey: Uint8Array, bytes: Uint8Array, at: number): Frame | null {
  const head = decodeFrameHead(bytes, at);
  if (head !== null) {
    const next = openFrame(aead, dataKey, bytes, at + FRAME_HEAD_BYTES + head.sealedBytes);
    if (next !== null) return next;
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (
    let found = view.indexOf(FRAME_MAGIC, at + 1);
    found >= 0;
    found = view.indexOf(FRAME_MAGIC, found + 1)
  ) {
    const frame = openFrame(aead, dataKey, bytes, found);
    if (frame !== null) return frame;
  }
  return null;
}
