import { equalBytes } from '../../base/bytes.ts';
import type { Aead } from '../../world/cryptography.ts';
import type { AuditKeys } from './audit_keys.ts';
import { chainAfterOf, chainBeforeOf } from './chain.ts';
import type { AuditPosition } from './head_file.ts';
import { FRAME_KIND, HEADER_BYTES, type HeaderFields } from './layout.ts';
import { openHeader } from './segment_header.ts';
import { scanSegment } from './segment_scan.ts';

/** How far a segment is whole: from its header on, every frame in its place. */
export interface SegmentTail {
  readonly fields: HeaderFields;
  readonly dataKey: Uint8Array;
  /** After the last frame that is whole. */
  readonly position: AuditPosition;
  /** After each frame, and after the header: where a head may point to. */
  readonly ends: ReadonlyMap<number, AuditPosition>;
  /** It ends with a footer: nothing is added to it any more. */
  readonly isClosed: boolean;
  readonly hasFrames: boolean;
}

/** Null where the header is not whole, or is that of another segment than `segment`. */
export function tailOf(aead: Aead, keys: AuditKeys, segment: number, bytes: Uint8Array): SegmentTail | null {
  const header = openHeader(aead, bytes, (fields) => keys.unwrap(fields));
  if (header === null || header.chainAfter === null || header.fields.segment !== segment) return null;
  const { fields, dataKey } = header;
  let position: AuditPosition = {
    segment: fields.segment,
    sizeBytes: HEADER_BYTES,
    nextSequence: fields.firstSequence,
    chain: header.chainAfter,
  };
  const ends = new Map([[position.sizeBytes, position]]);
  let isClosed = false;
  for (const { frame } of scanSegment(aead, dataKey, bytes)) {
    if (frame === null || isClosed || frame.head.firstSequence !== position.nextSequence) break;
    if (!equalBytes(chainBeforeOf(frame.text), position.chain)) break;
    position = {
      segment: fields.segment,
      sizeBytes: frame.end,
      nextSequence: position.nextSequence + frame.head.records,
      chain: chainAfterOf(frame.text).slice(),
    };
    isClosed = frame.head.kind === FRAME_KIND.footer;
    ends.set(position.sizeBytes, position);
  }
  return { fields, dataKey, position, ends, isClosed, hasFrames: ends.size > 1 };
}
