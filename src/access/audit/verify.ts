import { toHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { type CheckedPart, checkPart } from './checked_part.ts';
import { readCheckpoint } from './checkpoint.ts';
import { listSegments, readFile, segmentName } from './disk_io.ts';
import { type AuditPosition, readHead } from './head_file.ts';
import { HEADER_BYTES } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { type AuditProblem, ProblemList } from './problem.ts';
import { startAfter } from './recovery.ts';
import { SegmentCheck, type SegmentEnd } from './segment_check.ts';
import { endOfSegment } from './segment_end.ts';
import { type OpenedHeader, openHeader } from './segment_header.ts';
import { partsWithin } from './segment_limit.ts';
import { scanSegment } from './segment_scan.ts';

/** What a check of a whole log has found. */
export interface AuditVerification {
  readonly isSound: boolean;
  readonly segments: number;
  /** Records that can be read and are in their place. */
  readonly records: number;
  /** Of the records that should be there. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** At most `LIMITS.auditProblemsMax`, in the order of the log. */
  readonly problems: readonly AuditProblem[];
  readonly problemsTotal: number;
  /** What is no problem and worth knowing. */
  readonly notes: readonly string[];
}

/**
 * Checks every byte of a log. `end` is where it ends, as the daemon knows; null reads the note of it that the daemon left,
 * for a log that nobody writes to. CW_DAEMON_STATE where the checkpoint is no file of its kind, CW_DISK_*.
 */
export async function verifyLog(place: LogPlace, end: AuditPosition | null): Promise<AuditVerification> {
  const check = new LogCheck(place);
  return check.run(end);
}

class LogCheck {
  readonly #place: LogPlace;
  readonly #problems = new ProblemList();
  readonly #notes: string[] = [];
  /** Nobody writes to the log meanwhile. */
  #isAlone = false;
  /** The directory is the second place of a log. */
  #isCopy = false;
  #records = 0;
  #sincePause = 0;
  /** The end of the last segment that was checked, or where the log begins; its chain is null after a problem. */
  #last: Omit<SegmentEnd, 'isClosed'> & { readonly segment: number };

  constructor(place: LogPlace) {
    this.#place = place;
    this.#last = { segment: 0, sizeBytes: 0, nextSequence: 1, chain: null };
  }

  async run(given: AuditPosition | null): Promise<AuditVerification> {
    const start = await this.#start();
    this.#last = { ...start, chain: toHex(start.chain) };
    this.#isAlone = given === null;
    const end = given ?? (await this.#storedEnd());
    const segments = (await listSegments(this.#place.dir)).filter((segment) => segment > start.segment);
    const until = end?.segment ?? segments.at(-1) ?? 0;
    for (const segment of segments) {
      if (segment <= until) await this.#segment(segment, end, segment === until);
      else if (this.#isAlone) await this.#behindEnd(segment);
    }
    this.#tellMissing(this.#last.segment + 1, until, end?.nextSequence ?? null);
    const lastSequence = (end?.nextSequence ?? this.#last.nextSequence) - 1;
    return {
      isSound: this.#problems.total === 0,
      segments: segments.filter((segment) => segment <= until).length,
      records: this.#records,
      firstSequence: start.nextSequence,
      lastSequence,
      problems: this.#problems.list,
      problemsTotal: this.#problems.total,
      notes: this.#notes,
    };
  }

  async #start(): Promise<AuditPosition> {
    const { ports, keys, dir, dirPath } = this.#place;
    const stored = await readCheckpoint(ports.crypto, keys, dir, dirPath);
    if (stored?.isSigned === false) {
      const message = 'the note of what was deleted was not signed by the daemon';
      this.#problems.add({ kind: 'checkpoint', segment: 0, message });
    }
    return startAfter(stored?.checkpoint ?? null);
  }

  async #storedEnd(): Promise<AuditPosition | null> {
    const { position, damagedSlots, role } = await readHead(this.#place.keys, this.#place.dir);
    this.#isCopy = role === 'copy';
    if (position === null && this.#place.keys.begun) {
      const message = 'the note of where the log ends is gone: nobody can say whether its end was cut off';
      this.#problems.add({ kind: 'head', segment: 0, message });
    } else if (damagedSlots > 0) {
      this.#notes.push('one of the two notes of where the log ends cannot be read, as after a power cut');
    }
    return position;
  }

  /** A segment behind the end that was noted: begun at the last moment, being copied, or the note is an old one. */
  async #behindEnd(segment: number): Promise<void> {
    const { sizeBytes } = await this.#place.dir.stat(segmentName(segment));
    if (sizeBytes <= HEADER_BYTES || this.#isCopy) {
      this.#notes.push(
        `segment ${segment} was begun and ${this.#isCopy ? 'not copied to its end' : 'not used'}`,
      );
      return;
    }
    const message = 'the note of where the log ends is older than this segment';
    this.#problems.add({ kind: 'head', segment, fromByte: 0, toByte: sizeBytes, message });
  }

  /** `isOpen` where no segment follows it, so that it needs no footer. */
  async #segment(segment: number, logEnd: AuditPosition | null, isOpen: boolean): Promise<void> {
    const file = await readFile(this.#place.dir, segmentName(segment));
    if (file === null) {
      await this.#vanished(segment);
      return;
    }
    const end = segment === logEnd?.segment ? logEnd : await endOfSegment(this.#place, segment);
    const header = this.#header(file);
    this.#tellMissing(this.#last.segment + 1, segment - 1, header?.fields.firstSequence ?? null);
    if (header === null || header.fields.segment !== segment) {
      this.#unreadable(segment, file, header, end?.nextSequence ?? null);
      return;
    }
    const problemsBefore = this.#problems.total;
    this.#checkHeader(segment, header);
    const scanned = await this.#scan(file, header.dataKey);
    const isLast = segment === logEnd?.segment;
    const { parts, sizeBytes } = partsWithin(scanned, file.byteLength, end?.sizeBytes ?? null, isLast);
    const found = this.#frames(segment, file, header, { parts, knownEnd: end?.nextSequence ?? null });
    if (end !== null) this.#checkEnd(segment, found, end);
    else if (!found.isClosed && !isOpen) this.#cut(segment, found, null);
    const surplusBytes = file.byteLength - sizeBytes;
    if (surplusBytes > 0 && (this.#isAlone || !isLast)) {
      this.#notes.push(`${surplusBytes} bytes behind the end of segment ${segment} were not acknowledged`);
    }
    const isSound = this.#problems.total === problemsBefore;
    this.#last = { ...found, segment, chain: isSound ? found.chain : null };
  }

  #header(bytes: Uint8Array): OpenedHeader | null {
    return openHeader(this.#place.ports.crypto.aead, bytes, (fields) => this.#place.keys.unwrap(fields));
  }

  async #scan(file: Uint8Array, dataKey: Uint8Array): Promise<readonly CheckedPart[]> {
    const parts: CheckedPart[] = [];
    for (const part of scanSegment(this.#place.ports.crypto.aead, dataKey, file)) {
      const checked = checkPart(part);
      parts.push(checked);
      if (this.#isPauseDue(checked)) await this.#place.ports.clock.sleep(0);
    }
    return parts;
  }

  /** A segment that was deleted between listing and reading: what remains is checked from the new checkpoint on. */
  async #vanished(segment: number): Promise<void> {
    const { ports, keys, dir, dirPath } = this.#place;
    const stored = await readCheckpoint(ports.crypto, keys, dir, dirPath);
    const now = startAfter(stored?.checkpoint ?? null);
    if (segment <= now.segment) this.#last = { ...now, chain: toHex(now.chain) };
  }

  #unreadable(
    segment: number,
    bytes: Uint8Array,
    header: OpenedHeader | null,
    knownEnd: number | null,
  ): void {
    const { nextSequence } = this.#last;
    const where = { segment, fromByte: 0, ...sequencesOf(nextSequence, knownEnd) };
    if (header === null) {
      const message = 'the header was changed: nothing of the segment can be read';
      this.#problems.add({
        kind: 'edited',
        ...where,
        toByte: Math.min(HEADER_BYTES, bytes.byteLength),
        message,
      });
    } else {
      const message = `the file holds segment ${header.fields.segment}`;
      this.#problems.add({ kind: 'moved', ...where, toByte: bytes.byteLength, message });
    }
    this.#last = { segment, sizeBytes: 0, nextSequence: knownEnd ?? nextSequence, chain: null };
  }

  #checkHeader(segment: number, { fields, chainAfter }: OpenedHeader): void {
    const where = { segment, fromByte: 0, toByte: HEADER_BYTES };
    if (chainAfter === null) {
      this.#problems.add({ kind: 'edited', ...where, message: 'the header was changed' });
      return;
    }
    if (this.#last.chain === null) return;
    const follows = toHex(fields.chainBefore) === this.#last.chain;
    if (follows && fields.firstSequence === this.#last.nextSequence) return;
    this.#problems.add({
      kind: 'foreign',
      ...where,
      message: 'the segment does not follow the one before it',
    });
  }

  #frames(
    segment: number,
    bytes: Uint8Array,
    { fields, dataKey, chainAfter }: OpenedHeader,
    { parts, knownEnd }: { readonly parts: readonly CheckedPart[]; readonly knownEnd: number | null },
  ): SegmentEnd {
    const { aead } = this.#place.ports.crypto;
    const firstSequence = chainAfter === null ? this.#startOf(parts) : fields.firstSequence;
    const of = {
      segment,
      bytes,
      dataKey,
      parts,
      firstSequence,
      chain: chainAfter && toHex(chainAfter),
      headerBytes: HEADER_BYTES,
    };
    const check = new SegmentCheck(aead, of, this.#problems);
    for (const part of parts) {
      check.step(part);
      this.#records += part.kind === null ? 0 : part.records;
    }
    return check.end(knownEnd);
  }

  /** The first sequence of a segment whose header cannot be trusted: by the segment before it, or else by its own frames. */
  #startOf(parts: readonly CheckedPart[]): number {
    if (this.#last.chain !== null) return this.#last.nextSequence;
    const sequences = parts.flatMap((part) => (part.kind === null ? [] : [part.firstSequence]));
    return sequences.reduce((lowest, one) => Math.min(lowest, one), sequences[0] ?? this.#last.nextSequence);
  }

  #checkEnd(segment: number, found: SegmentEnd, end: AuditPosition): void {
    if (found.chain === toHex(end.chain)) return;
    if (found.nextSequence < end.nextSequence || found.sizeBytes < end.sizeBytes) {
      this.#cut(segment, found, end.nextSequence);
      return;
    }
    if (found.chain === null) return; // told already
    const message = 'it ends with other records than the daemon has written';
    this.#problems.add({ kind: 'foreign', segment, fromByte: found.sizeBytes, message });
  }

  #cut(segment: number, found: SegmentEnd, knownEnd: number | null): void {
    if (this.#isLastToldAt(segment, found.sizeBytes)) return; // a damaged end
    const sequences = sequencesOf(found.nextSequence, knownEnd);
    const message = 'the end of the segment is cut off';
    this.#problems.add({ kind: 'cut', segment, fromByte: found.sizeBytes, ...sequences, message });
  }

  #isLastToldAt(segment: number, byte: number): boolean {
    const last = this.#problems.list.at(-1);
    return last?.segment === segment && last.toByte !== null && last.toByte > byte;
  }

  /** Segments that are not there, and the records they held; `until` is the sequence after the last of them. */
  #tellMissing(from: number, to: number, until: number | null): void {
    for (let segment = from; segment <= to; segment += 1) {
      const sequences = segment === from ? sequencesOf(this.#last.nextSequence, until) : {};
      this.#problems.add({ kind: 'missing', segment, ...sequences, message: `segment ${segment} is gone` });
    }
    if (from <= to)
      this.#last = {
        ...this.#last,
        segment: to,
        nextSequence: until ?? this.#last.nextSequence,
        chain: null,
      };
  }

  /** Whether to let others run: after `LIMITS.auditPauseRecords` records. An await for each part would double its cost. */
  #isPauseDue(part: CheckedPart): boolean {
    this.#sincePause += part.kind === null ? 1 : part.records;
    if (this.#sincePause < LIMITS.auditPauseRecords.value) return false;
    this.#sincePause = 0;
    return true;
  }
}

/** The records from `next` to the one before `until`; none where that is no record. */
function sequencesOf(
  next: number,
  until: number | null,
): { readonly firstSequence: number | null; readonly lastSequence: number | null } {
  if (until === null) return { firstSequence: next, lastSequence: null };
  return next < until
    ? { firstSequence: next, lastSequence: until - 1 }
    : { firstSequence: null, lastSequence: null };
}
