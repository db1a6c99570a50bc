import { readFile, segmentName } from './disk_io.ts';
import type { AuditPosition } from './head_file.ts';
import { HEADER_BYTES, type HeaderFields } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { openHeader } from './segment_header.ts';

/** The header of a segment; null where there is none that is wholly proven. */
export async function provenHeader(place: LogPlace, segment: number): Promise<HeaderFields | null> {
  const bytes = await readFile(place.dir, segmentName(segment), HEADER_BYTES);
  if (bytes === null) return null;
  const header = openHeader(place.ports.crypto.aead, bytes, (fields) => place.keys.unwrap(fields));
  const isRight = header !== null && header.chainAfter !== null && header.fields.segment === segment;
  return isRight ? header.fields : null;
}

/**
 * Where a segment ends, as the one after it says; null where there is none that can be trusted. What stands behind that
 * was not acknowledged, be it whole or not.
 */
export async function endOfSegment(place: LogPlace, segment: number): Promise<AuditPosition | null> {
  const next = await provenHeader(place, segment + 1);
  if (next === null || next.previousBytes === 0) return null;
  const { previousBytes: sizeBytes, firstSequence: nextSequence, chainBefore: chain } = next;
  return { segment, sizeBytes, nextSequence, chain };
}
