import { CausewayError } from '../../base/errors.ts';
import { AEAD_NONCE_BYTES } from '../../world/cryptography.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import { createFile, readFile, segmentName, writeFully } from './disk_io.ts';
import { encodeFooter } from './footer.ts';
import { type FrameContent, sealFrame } from './frame.ts';
import type { AuditPosition } from './head_file.ts';
import { FRAME_KIND, HEADER_BYTES } from './layout.ts';
import type { LogPlace } from './log_place.ts';
import { sealHeader } from './segment_header.ts';

/** A segment that is written to. What a method resolves with is durable; after a failure it must not be used any more. */
export class SegmentWriter {
  readonly #place: LogPlace;
  readonly #file: DiskFile;
  readonly #dataKey: Uint8Array;
  readonly #firstSequence: number;
  readonly createdAtMs: number;

  private constructor(
    place: LogPlace,
    file: DiskFile,
    of: { dataKey: Uint8Array; firstSequence: number; createdAtMs: number },
  ) {
    this.#place = place;
    this.#file = file;
    this.#dataKey = of.dataKey;
    this.#firstSequence = of.firstSequence;
    this.createdAtMs = of.createdAtMs;
  }

  /** Begins the segment that follows `before`. CW_AUDIT_DAMAGED where there is one with records. */
  static async create(
    place: LogPlace,
    before: AuditPosition,
  ): Promise<{ writer: SegmentWriter; position: AuditPosition }> {
    const { ports, keys, dir } = place;
    const segment = before.segment + 1;
    const { dataKey, wrappingKeyId, wrappedKey } = keys.newDataKey(segment);
    const createdAtMs = ports.clock.wallMs();
    const firstSequence = before.nextSequence;
    const { chain: chainBefore, sizeBytes: previousBytes } = before;
    const fields = { segment, logId: keys.logId, firstSequence, createdAtMs, previousBytes, chainBefore };
    const nonce = ports.random.bytes(AEAD_NONCE_BYTES);
    const header = sealHeader(ports.crypto.aead, dataKey, nonce, { ...fields, wrappingKeyId, wrappedKey });
    await refuseToReplace(dir, segment);
    const file = await createFile(dir, segmentName(segment), header.bytes);
    const writer = new SegmentWriter(place, file, { dataKey, firstSequence, createdAtMs });
    const sizeBytes = header.bytes.byteLength;
    return {
      writer,
      position: { segment, sizeBytes, nextSequence: firstSequence, chain: header.chainAfter },
    };
  }

  /** Goes on with a segment that was not closed and that ends at `position`. */
  static async resume(
    place: LogPlace,
    position: AuditPosition,
    of: { dataKey: Uint8Array; firstSequence: number; createdAtMs: number },
  ): Promise<SegmentWriter> {
    return new SegmentWriter(place, await place.dir.openFile(segmentName(position.segment), 'write'), of);
  }

  /** Adds records in one frame, with one flush. */
  append(position: AuditPosition, items: readonly Uint8Array[]): Promise<AuditPosition> {
    return this.#add(position, { kind: FRAME_KIND.records, items });
  }

  /** Adds the footer: nothing follows in this segment. */
  finish(position: AuditPosition): Promise<AuditPosition> {
    const footer = encodeFooter({
      records: position.nextSequence - this.#firstSequence,
      firstSequence: this.#firstSequence,
      closedAtMs: this.#place.ports.clock.wallMs(),
    });
    return this.#add(position, { kind: FRAME_KIND.footer, items: [footer] });
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #add(position: AuditPosition, add: Pick<FrameContent, 'kind' | 'items'>): Promise<AuditPosition> {
    const { ports } = this.#place;
    const nonce = ports.random.bytes(AEAD_NONCE_BYTES); // never from a counter: after a cut it would count twice
    const { nextSequence: firstSequence, chain: chainBefore } = position;
    const content = { ...add, firstSequence, chainBefore };
    const { bytes, chainAfter } = sealFrame(ports.crypto.aead, this.#dataKey, nonce, content);
    await writeFully(this.#file, bytes, position.sizeBytes);
    await this.#file.datasync();
    return {
      segment: position.segment,
      sizeBytes: position.sizeBytes + bytes.byteLength,
      nextSequence: firstSequence + (add.kind === FRAME_KIND.records ? add.items.length : 0),
      chain: chainAfter,
    };
  }
}

/** A header without records is what an interrupted attempt leaves; anything else is evidence. */
async function refuseToReplace(dir: Dir, segment: number): Promise<void> {
  const bytes = await readFile(dir, segmentName(segment), HEADER_BYTES + 1);
  if (bytes !== null && bytes.byteLength > HEADER_BYTES) {
    throw new CausewayError('CW_AUDIT_DAMAGED', `there is an audit segment ${segment} that was never begun`);
  }
}
