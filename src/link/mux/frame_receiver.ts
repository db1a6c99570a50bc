import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { FRAME_HEADER_BYTES, type FrameHeader, kindOf, readFrameHeader } from '../../wire/mux_frame.ts';
import { decodeReason } from '../../wire/reason.ts';
import { readU32 } from '../../wire/session_record.ts';
import type { Session } from '../session/session.ts';
import { ByteBudget } from './byte_budget.ts';
import type { MuxStream, StreamIdentity } from './mux_stream.ts';

/** What the receiver asks of the mux. */
export interface StreamRegistry {
  find(streamId: number): MuxStream | undefined;
  /** True for an id that was in use and is no more: its late frames are ignored. */
  wasOpen(streamId: number): boolean;
  /** The peer begins a stream. Throws CW_WIRE_* for an id or a number of streams that it may not have. */
  begin(streamId: number): void;
  /** The stream's opening is complete. */
  opened(identity: StreamIdentity): void;
  /** The stream cannot be taken up. */
  refuse(header: FrameHeader, error: CausewayError): void;
  /** The stream is over on both sides. */
  remove(stream: MuxStream): void;
  /** The peer ended a stream whose opening is not complete. */
  removeUnopened(streamId: number): void;
}

interface Opening {
  readonly streamId: number;
  readonly bytes: Uint8Array;
  filledBytes: number;
}

/** Reads frames from the session and gives them to their streams, until the session is closed. */
export class FrameReceiver {
  readonly #session: Session;
  readonly #streams: StreamRegistry;
  /** Opening bytes of streams that nobody has accepted. */
  readonly openings = new ByteBudget(LIMITS.openingsHeldMaxBytes.value);
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #small = new Uint8Array(LIMITS.reasonMaxBytes.value);
  #opening: Opening | null = null;

  constructor(session: Session, streams: StreamRegistry) {
    this.#session = session;
    this.#streams = streams;
  }

  /** Never rejects: an error of the peer closes the session. */
  async run(): Promise<void> {
    try {
      for (;;) await this.#frame();
    } catch (thrown) {
      // a closed session ends up here too; closing it again changes nothing
      await this.#session.close(asCausewayError(thrown));
    }
  }

  async #frame(): Promise<void> {
    await this.#session.read(this.#header, FRAME_HEADER_BYTES);
    const header = readFrameHeader(this.#header, 0);
    if (header.type === 'open') {
      await this.#onOpen(header);
      return;
    }
    const stream = this.#streams.find(header.streamId);
    if (stream !== undefined) {
      await this.#onStream(header, stream);
      return;
    }
    if (!this.#streams.wasOpen(header.streamId)) {
      throw malformed(`a frame of type ${header.type} for stream ${header.streamId}, which was never opened`);
    }
    if (header.type === 'reset' && this.#opening?.streamId === header.streamId) this.#dropOpening();
    await this.#discard(header.lengthBytes);
  }

  async #onStream(header: FrameHeader, stream: MuxStream): Promise<void> {
    if (header.type === 'data') {
      await this.#onData(header, stream);
      return;
    }
    if (header.type === 'end') {
      if (stream.receiving.failed) return;
      stream.receiving.end();
      if (stream.over) this.#streams.remove(stream);
      return;
    }
    const payload = this.#small.subarray(0, header.lengthBytes);
    if (payload.byteLength > 0) await this.#session.read(payload, payload.byteLength);
    if (header.type === 'credit') {
      stream.granted(readU32(payload, 0));
      return;
    }
    const reason = decodeReason(payload, 'CW_LINK_STREAM_RESET');
    stream.fail(reason, false);
    this.#streams.remove(stream);
  }

  async #onData(header: FrameHeader, stream: MuxStream): Promise<void> {
    stream.refuseIfAbandoned();
    if (stream.receiving.failed) {
      await this.#discard(header.lengthBytes);
      return;
    }
    const target = stream.receiving.place(header);
    if (target === null) {
      const text = `the streams of the link hold more than ${LIMITS.muxHeldMaxBytes.value} bytes`;
      stream.reset(new CausewayError('CW_LIMIT', text));
      await this.#discard(header.lengthBytes);
      return;
    }
    let complete = false;
    try {
      // told piece by piece: on a slow carrier one frame takes longer than a silence that counts as a stall
      for (let at = 0; at < target.byteLength; ) {
        const count = await this.#session.read(target.subarray(at), 1);
        at += count;
        stream.receiving.arrived(count);
      }
      complete = true;
    } finally {
      stream.receiving.filled(header, complete);
    }
  }

  async #onOpen(header: FrameHeader): Promise<void> {
    const { streamId, lengthBytes, messageBytes } = header;
    if (this.#opening?.streamId !== streamId) {
      if (this.#opening !== null) throw malformed('a stream is opened in the middle of another opening');
      if (messageBytes === 0) {
        // the rest of an opening that was refused at its first frame
        if (!this.#streams.wasOpen(streamId)) throw malformed('an opening begins in its middle');
        await this.#discard(lengthBytes);
        return;
      }
      this.#streams.begin(streamId);
      if (!this.openings.take(messageBytes)) {
        this.#streams.refuse(
          header,
          new CausewayError('CW_LIMIT', 'too many opening bytes wait to be accepted'),
        );
        await this.#discard(lengthBytes);
        return;
      }
      this.#opening = { streamId, bytes: new Uint8Array(messageBytes), filledBytes: 0 };
    } else if (messageBytes !== 0) {
      throw malformed('a message length in the middle of an opening');
    }
    await this.#fillOpening(header, this.#opening);
  }

  async #fillOpening(header: FrameHeader, opening: Opening): Promise<void> {
    const endsAt = opening.filledBytes + header.lengthBytes;
    const wholeBytes = opening.bytes.byteLength;
    if (header.lengthBytes === 0 || endsAt > wholeBytes || header.last !== (endsAt === wholeBytes)) {
      throw malformed('the frames of an opening do not have its length');
    }
    const target = opening.bytes.subarray(opening.filledBytes, endsAt);
    await this.#session.read(target, target.byteLength);
    opening.filledBytes = endsAt;
    if (!header.last) return;
    this.#opening = null;
    const { streamId: id, bytes } = opening;
    this.#streams.opened({
      id,
      kind: kindOf(bytes[0]),
      streamClass: header.streamClass,
      opening: bytes.subarray(1),
    });
  }

  #dropOpening(): void {
    const opening = this.#opening as Opening;
    this.#opening = null;
    this.openings.give(opening.bytes.byteLength);
    this.#streams.removeUnopened(opening.streamId);
  }

  async #discard(lengthBytes: number): Promise<void> {
    for (let left = lengthBytes; left > 0; ) {
      const count = Math.min(left, this.#small.byteLength);
      left -= await this.#session.read(this.#small.subarray(0, count), count);
    }
  }
}

function malformed(message: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', message);
}
