import { equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import { KEYS_FILE } from './audit_keys.ts';
import type { AuditLog } from './audit_log.ts';
import { CHECKPOINT_FILE, readCheckpoint } from './checkpoint.ts';
import {
  createFile,
  listSegments,
  readFile,
  readUpTo,
  removeFile,
  segmentName,
  writeFully,
} from './disk_io.ts';
import { type AuditPosition, HeadFile, readHead } from './head_file.ts';
import { startAfter } from './recovery.ts';
import { endOfSegment } from './segment_end.ts';

/** What one pass has brought to the second place. */
export interface Shipped {
  readonly sizeBytes: number;
  /** Where the copy ends now. */
  readonly position: AuditPosition;
}

/** Bytes read at a time, and compared at the end of what the copy has already. */
const PIECE_BYTES = 256 * 1024;

/**
 * Keeps a copy of the log in a second directory, best on other storage: what was cut off or rolled back in the first place
 * is still there, and shows. The copy is a log like the first one, and is checked by the same means.
 */
export class SecondPlace {
  readonly #log: AuditLog;
  readonly #dir: Dir;
  readonly #dirPath: string;

  constructor(log: AuditLog, at: { readonly dir: Dir; readonly dirPath: string }) {
    this.#log = log;
    this.#dir = at.dir;
    this.#dirPath = at.dirPath;
  }

  /**
   * Copies what is new and acknowledged. CW_AUDIT_DAMAGED where the copy holds what the log does not (any more): then
   * nothing of it is touched. CW_DISK_*.
   */
  async ship(): Promise<Shipped> {
    const { place, position } = this.#log;
    const copied = await this.#copied();
    await this.#checkNotAhead(position);
    await this.#copyWhole(KEYS_FILE);
    await this.#copyWhole(CHECKPOINT_FILE);
    const { ports, keys } = place;
    const stored = await readCheckpoint(ports.crypto, keys, this.#dir, this.#dirPath);
    const start = startAfter(stored?.checkpoint ?? null).segment;
    let sizeBytes = 0;
    for (const segment of await listSegments(place.dir)) {
      if (segment <= start || segment > position.segment) continue;
      const known = segment < copied.segment ? null : segment === copied.segment ? copied.sizeBytes : 0;
      const end = segment === position.segment ? position : await endOfSegment(place, segment);
      sizeBytes += await this.#copySegment(segment, known, end?.sizeBytes ?? null);
    }
    const head = await HeadFile.create(keys, this.#dir, position, 'copy');
    await head.close();
    for (const segment of await listSegments(this.#dir)) {
      if (segment <= start && stored?.isSigned === true) await removeFile(this.#dir, segmentName(segment));
    }
    return { sizeBytes, position };
  }

  /**
   * Ships every `intervalMs` (at least `LIMITS.auditShipMinMs`) until `signal` is aborted, then once more. `onResult` gets
   * the error of a pass that failed, null of one that did not; the next pass makes up for it.
   */
  async run(
    signal: AbortSignal,
    onResult: (failure: unknown) => void,
    intervalMs: number = LIMITS.auditShipDefaultMs.value,
  ): Promise<void> {
    const waitMs = Math.max(intervalMs, LIMITS.auditShipMinMs.value);
    for (let isLast = false; !isLast; ) {
      isLast = signal.aborted;
      await this.ship().then(() => onResult(null), onResult);
      if (isLast) return;
      await this.#log.place.ports.clock.sleep(waitMs, signal).catch((failure: unknown) => {
        if (!signal.aborted) throw failure; // an abort ends the wait, and the last pass follows
      });
    }
  }

  /** How far the copy is known to be durable; what stands behind that may be torn. */
  async #copied(): Promise<AuditPosition> {
    const { keys } = this.#log.place;
    const nothing = startAfter(null);
    if ((await listSegments(this.#dir)).length === 0) {
      await (await HeadFile.create(keys, this.#dir, nothing, 'copy')).close();
      return nothing;
    }
    const { position } = await readHead(keys, this.#dir);
    if (position === null) throw ahead('the note of where it ends is gone, or is that of another log');
    return position;
  }

  /** Whether the copy ends within the log. */
  async #checkNotAhead(position: AuditPosition): Promise<void> {
    const last = (await listSegments(this.#dir)).at(-1);
    if (last === undefined) return;
    if (last > position.segment) throw ahead(`it has segment ${last}, the log ends in ${position.segment}`);
    const { sizeBytes } = await this.#dir.stat(segmentName(last));
    if (last === position.segment && sizeBytes > position.sizeBytes) {
      throw ahead(`segment ${last} has ${sizeBytes} bytes there, ${position.sizeBytes} in the log`);
    }
  }

  async #copyWhole(fileName: string): Promise<void> {
    const name = parseName(fileName);
    const [from, to] = [await readFile(this.#log.place.dir, name), await readFile(this.#dir, name)];
    if (from === null || (to !== null && equalBytes(from, to))) return;
    const staged = parseName(`${fileName}.new`);
    await (await createFile(this.#dir, staged, from)).close();
    await this.#dir.rename(staged, this.#dir, name);
    await this.#dir.sync();
  }

  /**
   * Adds to the copy of a segment what it lacks, up to `endBytes` (null: all); resolves with how much that was. Of what it
   * has, `knownBytes` are durable (null: all).
   */
  async #copySegment(segment: number, knownBytes: number | null, endBytes: number | null): Promise<number> {
    await using from = await this.#log.place.dir.openFile(segmentName(segment), 'read');
    const end = endBytes ?? (await from.stat()).sizeBytes;
    await using to = await this.#openCopy(segment);
    const thereBytes = (await to.stat()).sizeBytes;
    if (thereBytes > end) throw ahead(`segment ${segment} has ${thereBytes} bytes there, ${end} in the log`);
    const start = Math.min(thereBytes, knownBytes ?? thereBytes);
    await this.#checkSameEnd(segment, from, to, start);
    for (let at = start; at < end; ) {
      const piece = await readUpTo(from, at, Math.min(PIECE_BYTES, end - at));
      if (piece.byteLength === 0) throw ahead(`segment ${segment} of the log ends at byte ${at}`);
      await writeFully(to, piece, at);
      at += piece.byteLength;
    }
    if (end > start) await to.datasync();
    return end - start;
  }

  async #openCopy(segment: number): Promise<DiskFile> {
    const name = segmentName(segment);
    const there = (await listSegments(this.#dir)).includes(segment);
    return there ? this.#dir.openFile(name, 'write') : createFile(this.#dir, name, new Uint8Array(0));
  }

  async #checkSameEnd(segment: number, from: DiskFile, to: DiskFile, end: number): Promise<void> {
    const start = Math.max(0, end - PIECE_BYTES);
    const [here, there] = [await readUpTo(from, start, end - start), await readUpTo(to, start, end - start)];
    if (!equalBytes(here, there)) throw ahead(`segment ${segment} holds other bytes there than in the log`);
  }
}

function ahead(why: string): CausewayError {
  return new CausewayError('CW_AUDIT_DAMAGED', `the copy of the audit log does not fit the log: ${why}`);
}
