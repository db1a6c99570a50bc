import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AuditLog } from './audit_log.ts';
import { type AuditCheckpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { listSegments, removeFile, segmentName } from './disk_io.ts';
import type { HeaderFields } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { LogReader } from './reader.ts';
import { startAfter } from './recovery.ts';
import { provenHeader } from './segment_end.ts';

/** A time for which audit records are kept, at least `LIMITS.auditRetentionMinMs`. CW_AUDIT_RETENTION for less. */
export function checkRetention(retentionMs: number): number {
  const minMs = LIMITS.auditRetentionMinMs.value;
  if (!(retentionMs >= minMs)) {
    const days = minMs / (24 * 3_600_000);
    throw new CausewayError('CW_AUDIT_RETENTION', `audit records are kept for at least ${days} days`);
  }
  return retentionMs;
}

/**
 * Deletes the oldest segments of which every record is older than `retentionMs`. A signed checkpoint stands for them from
 * then on; the deletion is a record itself. Resolves with the checkpoint, or null where nothing is old enough.
 * CW_AUDIT_RETENTION, CW_AUDIT_UNAVAILABLE.
 */
export async function deleteExpired(log: AuditLog, retentionMs: number): Promise<AuditCheckpoint | null> {
  const keptMs = checkRetention(retentionMs);
  const { place } = log;
  const nowMs = place.ports.clock.wallMs();
  const next = await expiredUpTo(place, nowMs - keptMs, log.position.segment);
  if (next === null) return null;
  const checkpoint: AuditCheckpoint = {
    throughSegment: next.segment - 1,
    lastSequence: next.firstSequence - 1,
    chain: toHex(next.chainBefore),
    olderThanMs: next.createdAtMs,
    deletedAtMs: nowMs,
  };
  const { throughSegment, lastSequence, olderThanMs } = checkpoint;
  await log.append({
    actor: { kind: 'system', name: 'causeway', address: '' },
    action: 'audit.expire',
    resource: '',
    outcome: 'started',
    details: { throughSegment, lastSequence, olderThanMs },
  });
  await writeCheckpoint(place.keys, place.dir, place.dirPath, checkpoint);
  for (const segment of await listSegments(place.dir)) {
    if (segment <= throughSegment) await removeFile(place.dir, segmentName(segment));
  }
  return checkpoint;
}

/**
 * The header of the first segment to keep. A segment is old once its successor is and none of its records is younger,
 * whatever the clock said when the two were begun; a damaged segment goes with those around it.
 */
async function expiredUpTo(place: LogPlace, expiryMs: number, current: number): Promise<HeaderFields | null> {
  const stored = await readCheckpoint(place.ports.crypto, place.keys, place.dir, place.dirPath);
  const reader = new LogReader(place, null);
  let next: HeaderFields | null = null;
  for (let segment = startAfter(stored?.checkpoint ?? null).segment + 1; segment < current; segment += 1) {
    const young = await reader.read(segment, (record) => record.timeMs > expiryMs);
    if (young !== null && young.records.length > 0) break;
    const successor = await provenHeader(place, segment + 1);
    if (successor === null) continue;
    if (successor.createdAtMs > expiryMs) break;
    next = successor;
  }
  return next;
}
