import { toHex } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { itemsOf } from './chain.ts';
import { listSegments, readFile, segmentName } from './disk_io.ts';
import type { AuditPosition } from './head_file.ts';
import { FRAME_KIND } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { type AuditRecord, decodeRecord } from './record.ts';
import { endOfSegment, provenHeader } from './segment_end.ts';
import { openHeader } from './segment_header.ts';
import { partsWithin } from './segment_limit.ts';
import { type Damage, type Part, scanSegment } from './segment_scan.ts';

/** A record as it was read, with the chain value after it. */
export interface ReadRecord {
  readonly record: AuditRecord;
  /** Hex. */
  readonly chain: string;
}

/** The records of one segment that can be read. */
export interface ReadSegment {
  readonly records: readonly ReadRecord[];
  /** Parts that cannot be read: {@link verifyLog} says which. */
  readonly damagedParts: number;
}

/** Reads records of a log, a segment at a time. Nothing is decided about order and completeness here. */
export class LogReader {
  readonly #place: LogPlace;
  readonly #end: AuditPosition | null;
  #sincePause = 0;

  /** `end` is where the log ends, as the daemon knows; null takes what the files hold. */
  constructor(place: LogPlace, end: AuditPosition | null) {
    this.#place = place;
    this.#end = end;
  }

  /** The segments that there are, ascending. */
  async segments(): Promise<number[]> {
    const all = await listSegments(this.#place.dir);
    const end = this.#end;
    return end === null ? all : all.filter((segment) => segment <= end.segment);
  }

  /** The first sequence that the header of a segment names; null where it cannot be read. */
  async firstSequence(segment: number): Promise<number | null> {
    return (await provenHeader(this.#place, segment))?.firstSequence ?? null;
  }

  /** Those of the records that `wanted` takes; null where there is no such segment (any more). */
  async read(segment: number, wanted: (record: AuditRecord) => boolean): Promise<ReadSegment | null> {
    const end = this.#end?.segment === segment ? this.#end : await endOfSegment(this.#place, segment);
    const bytes = await readFile(this.#place.dir, segmentName(segment));
    if (bytes === null) return null;
    const { aead } = this.#place.ports.crypto;
    const header = openHeader(aead, bytes, (fields) => this.#place.keys.unwrap(fields));
    if (header === null) return { records: [], damagedParts: 1 };
    const scanned: ReadPart[] = [];
    for (const part of scanSegment(aead, header.dataKey, bytes)) {
      scanned.push(readPart(part, wanted));
      if (this.#isPauseDue(part.frame?.head.records ?? 1)) await this.#place.ports.clock.sleep(0);
    }
    const isLast = this.#end?.segment === segment;
    const { parts } = partsWithin(scanned, bytes.byteLength, end?.sizeBytes ?? null, isLast);
    const records = parts.flatMap((part) => part.records);
    return { records, damagedParts: parts.filter(({ kind }) => kind === null).length };
  }

  /** Whether to let others run: after `LIMITS.auditPauseRecords` records. */
  #isPauseDue(records: number): boolean {
    this.#sincePause += records;
    if (this.#sincePause < LIMITS.auditPauseRecords.value) return false;
    this.#sincePause = 0;
    return true;
  }
}

/** What of a part is kept: the records that are wanted. */
interface ReadPart {
  readonly start: number;
  readonly end: number;
  readonly kind: number | null;
  readonly records: readonly ReadRecord[];
}

function readPart(part: Part, wanted: (record: AuditRecord) => boolean): ReadPart {
  if (part.frame === null) return { ...(part as Damage), kind: null, records: [] };
  const { start, end, head, text } = part.frame;
  const isRecords = head.kind === FRAME_KIND.records;
  const records = isRecords ? [...recordsOf(text)].filter((one) => wanted(one.record)) : [];
  return { start, end, kind: head.kind, records };
}

function* recordsOf(text: Uint8Array): Generator<ReadRecord> {
  for (const { start, end } of itemsOf(text)) {
    yield {
      record: decodeRecord(text.subarray(start, end)),
      chain: toHex(text.subarray(end, end + HASH_BYTES)),
    };
  }
}
