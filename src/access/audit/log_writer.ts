import { LIMITS } from '../../base/limits.ts';
import { type AuditPosition, HeadFile } from './head_file.ts';
import type { LogPlace } from './log_place.ts';
import { type Continuation, findContinuation } from './recovery.ts';
import { SegmentWriter } from './segment_writer.ts';

export interface LogWriterOptions {
  /** A segment that has grown to this is closed. */
  readonly segmentMaxBytes: number;
}

/** Writes the segments of a log one after the other, and the head. Its methods must not overlap. */
export class LogWriter {
  readonly #place: LogPlace;
  readonly #options: LogWriterOptions;
  readonly #head: HeadFile;
  #writer: SegmentWriter;
  #position: AuditPosition;
  /** A write has failed: what stands in the segment behind the position is unknown, so that nothing is added to it. */
  #isSpoilt = false;
  #headFlushedAtMs: number;

  private constructor(
    place: LogPlace,
    options: LogWriterOptions,
    parts: { head: HeadFile; writer: SegmentWriter; position: AuditPosition },
  ) {
    this.#place = place;
    this.#options = options;
    this.#head = parts.head;
    this.#writer = parts.writer;
    this.#position = parts.position;
    this.#headFlushedAtMs = place.ports.clock.monotonicMs();
  }

  /** Goes on with the log of `place`, or begins it. */
  static async open(
    place: LogPlace,
    options: LogWriterOptions,
  ): Promise<{ writer: LogWriter; continuation: Continuation }> {
    const continuation = await findContinuation(place);
    const { writer, position } = await takeUp(place, continuation);
    let head: HeadFile | null = null;
    try {
      head = await HeadFile.create(place.keys, place.dir, position);
      await place.keys.markBegun();
      return { writer: new LogWriter(place, options, { head, writer, position }), continuation };
    } catch (failure) {
      await head?.close();
      await writer.close();
      throw failure;
    }
  }

  /** Where the durable log ends. */
  get position(): AuditPosition {
    return this.#position;
  }

  get #isDue(): boolean {
    const ageMs = this.#place.ports.clock.wallMs() - this.#writer.createdAtMs;
    return (
      this.#position.sizeBytes >= this.#options.segmentMaxBytes || ageMs >= LIMITS.auditSegmentMaxAgeMs.value
    );
  }

  /** Makes records durable, the first one with the sequence `position.nextSequence`. After a failure none of them count. */
  async append(items: readonly Uint8Array[]): Promise<void> {
    if (this.#isSpoilt || this.#isDue) await this.#roll();
    this.#isSpoilt = true;
    const position = await this.#writer.append(this.#position, items);
    await this.#head.write(position);
    await this.#flushHeadWhenDue();
    this.#position = position;
    this.#isSpoilt = false;
  }

  /** Closes the segment, unless a write to it has failed, and begins the next one. */
  async #roll(): Promise<void> {
    const old = this.#writer;
    let end = this.#position;
    if (this.#isSpoilt) {
      await this.#head.write(end); // it may speak of what is begun again now
      await this.#flushHead();
    } else {
      this.#isSpoilt = true;
      end = await old.finish(end);
    }
    const next = await SegmentWriter.create(this.#place, end);
    try {
      await this.#head.write(next.position);
      await this.#flushHead(); // from now on a missing segment is known to be missing
    } catch (failure) {
      await next.writer.close();
      throw failure;
    }
    this.#writer = next.writer;
    this.#position = next.position;
    this.#isSpoilt = false;
    await old.close();
  }

  async close(): Promise<void> {
    try {
      await this.#flushHead();
    } finally {
      await this.#head.close().finally(() => this.#writer.close());
    }
  }

  async #flushHeadWhenDue(): Promise<void> {
    const nowMs = this.#place.ports.clock.monotonicMs();
    if (nowMs - this.#headFlushedAtMs >= LIMITS.auditHeadFlushMs.value) await this.#flushHead();
  }

  async #flushHead(): Promise<void> {
    await this.#head.flush();
    this.#headFlushedAtMs = this.#place.ports.clock.monotonicMs();
  }
}

async function takeUp(
  place: LogPlace,
  continuation: Continuation,
): Promise<{ writer: SegmentWriter; position: AuditPosition }> {
  const { position, dataKey, firstSequence, segmentCreatedAtMs: createdAtMs } = continuation;
  if (dataKey === null) return SegmentWriter.create(place, position);
  const writer = await SegmentWriter.resume(place, position, { dataKey, firstSequence, createdAtMs });
  return { writer, position };
}
