import { equalBytes, fromHex } from '../../base/bytes.ts';
import type { Dir } from '../../world/disk.ts';
import { type AuditCheckpoint, readCheckpoint } from './checkpoint.ts';
import { listSegments, readFile, removeFile, segmentName, writeFully } from './disk_io.ts';
import { type AuditPosition, readHead } from './head_file.ts';
import { HEADER_BYTES, NO_CHAIN } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { type SegmentTail, tailOf } from './segment_tail.ts';

/** Bytes at the end of a segment that were never acknowledged: they count no longer. */
export interface DroppedTail {
  readonly segment: number;
  readonly fromByte: number;
  readonly sizeBytes: number;
}

/** How the log goes on after a start. */
export interface Continuation {
  /** Where to go on; in a new segment where `dataKey` is null. */
  readonly position: AuditPosition;
  /** Of the segment of `position`, which is still open. */
  readonly dataKey: Uint8Array | null;
  readonly segmentCreatedAtMs: number;
  readonly firstSequence: number;
  readonly dropped: DroppedTail | null;
  /** What of the acknowledged records is not there any more; null where nothing is known to be missing. */
  readonly damage: string | null;
}

interface Found {
  readonly segments: readonly number[];
  readonly head: AuditPosition | null;
  readonly start: AuditPosition;
}

/** Where a log begins: at nothing, or after what a checkpoint stands for. */
export function startAfter(checkpoint: AuditCheckpoint | null): AuditPosition {
  if (checkpoint === null) return { segment: 0, sizeBytes: 0, nextSequence: 1, chain: NO_CHAIN };
  const { throughSegment: segment, lastSequence, chain } = checkpoint;
  return { segment, sizeBytes: 0, nextSequence: lastSequence + 1, chain: fromHex(chain) };
}

/**
 * Finds out how the log goes on. What was never acknowledged may be torn: then a new segment goes on from the last frame
 * that is whole, and names it as the end of the one before. Where acknowledged records are damaged, a new segment goes on
 * from what the head says. Nothing of a segment is ever cut off or changed.
 */
export async function findContinuation(place: LogPlace): Promise<Continuation> {
  const { ports, keys, dir, dirPath } = place;
  const stored = await readCheckpoint(ports.crypto, keys, dir, dirPath);
  const start = startAfter(stored?.checkpoint ?? null);
  const { position: head } = await readHead(keys, dir);
  const segments: number[] = [];
  for (const segment of await listSegments(dir)) {
    // a deletion that was interrupted after its checkpoint; without a signature nothing is deleted
    if (segment <= start.segment && stored?.isSigned === true) await removeFile(dir, segmentName(segment));
    else segments.push(segment);
  }
  const found = { segments, head, start };
  if (keys.begun || head !== null || (await holdsFrames(dir, segments))) return continueLog(place, found);
  for (const segment of segments) await removeFile(dir, segmentName(segment)); // a first start that was interrupted
  return inNewSegment(start, null);
}

async function holdsFrames(dir: Dir, segments: readonly number[]): Promise<boolean> {
  for (const segment of segments) {
    if ((await dir.stat(segmentName(segment))).sizeBytes > HEADER_BYTES) return true;
  }
  return false;
}

async function continueLog(place: LogPlace, found: Found): Promise<Continuation> {
  const { head, start } = found;
  const last = found.segments.at(-1);
  if (last === undefined) {
    const from = head ?? start;
    return inNewSegment(from, `all audit records after sequence ${start.nextSequence - 1} are gone`);
  }
  const bytes = (await readFile(place.dir, segmentName(last))) ?? new Uint8Array(0);
  const tail = tailOf(place.ports.crypto.aead, place.keys, last, bytes);
  if (head === null) return withoutHead(found, last, tail, bytes.byteLength);
  if (last < head.segment) return inNewSegment(head, `the audit segments after ${last} are gone`);
  if (last > head.segment) {
    if (tail === null && bytes.byteLength > HEADER_BYTES) {
      return inNewSegment(
        { ...head, segment: last, sizeBytes: 0 },
        `the audit segment ${last} cannot be read`,
      );
    }
    return afterHead(place, found, last, tail);
  }
  const atHead = tail?.ends.get(head.sizeBytes);
  if (tail === null || atHead === undefined || !equalBytes(atHead.chain, head.chain)) {
    return inNewSegment(head, `audit records before sequence ${head.nextSequence} were changed or cut off`);
  }
  await settle(place.dir, last, bytes.subarray(0, tail.position.sizeBytes), head.sizeBytes);
  return resume(tail, bytes.byteLength, null);
}

/**
 * Makes sure that what was read is on the disk, from a byte on. A process that was killed, or whose flush failed, may have
 * left it in memory only, and after a failed flush the next one says nothing: so that the same bytes are written again.
 */
async function settle(dir: Dir, segment: number, bytes: Uint8Array, fromByte: number): Promise<void> {
  if (bytes.byteLength <= fromByte) return;
  await using file = await dir.openFile(segmentName(segment), 'write');
  await writeFully(file, bytes.subarray(fromByte), fromByte);
  await file.datasync();
}

/** Without a head nobody can say what was acknowledged: all that is whole counts, and the rest stays for inspection. */
function withoutHead(
  { start }: Found,
  last: number,
  tail: SegmentTail | null,
  sizeBytes: number,
): Continuation {
  const damage = 'the note of where the audit log ends is gone';
  if (tail === null) return inNewSegment({ ...start, segment: last }, damage);
  if (tail.position.sizeBytes < sizeBytes) return inNewSegment(tail.position, damage);
  return resume(tail, sizeBytes, damage);
}

/** A segment that was begun before the head said so. It was not written to, unless the head is an old one. */
async function afterHead(
  place: LogPlace,
  found: Found,
  last: number,
  tail: SegmentTail | null,
): Promise<Continuation> {
  if (tail?.hasFrames === true) {
    return inNewSegment(tail.position, 'the note of where the audit log ends is older than its records');
  }
  await removeFile(place.dir, segmentName(last));
  return continueLog(place, { ...found, segments: found.segments.slice(0, -1) });
}

function resume(tail: SegmentTail, sizeBytes: number, damage: string | null): Continuation {
  const { position, dataKey, fields, isClosed } = tail;
  const surplusBytes = sizeBytes - position.sizeBytes;
  const dropped = { segment: position.segment, fromByte: position.sizeBytes, sizeBytes: surplusBytes };
  return {
    position,
    dataKey: isClosed || surplusBytes > 0 ? null : dataKey,
    segmentCreatedAtMs: fields.createdAtMs,
    firstSequence: fields.firstSequence,
    dropped: surplusBytes > 0 ? dropped : null,
    damage,
  };
}

function inNewSegment(position: AuditPosition, damage: string | null): Continuation {
  return {
    position,
    dataKey: null,
    segmentCreatedAtMs: 0,
    firstSequence: position.nextSequence,
    dropped: null,
    damage,
  };
}
