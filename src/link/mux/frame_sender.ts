import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  CREDIT_BYTES,
  FRAME_HEADER_BYTES,
  type FrameClass,
  type FrameType,
  kindCode,
  STREAM_CLASSES,
} from '../../wire/mux_frame.ts';
import { encodeReason } from '../../wire/reason.ts';
import { writeU32 } from '../../wire/session_record.ts';
import type { Session } from '../session/session.ts';
import { FrameBatch, FrameMemory } from './frame_batch.ts';
import type { StreamShare } from './mux.ts';
import type { MuxStream } from './mux_stream.ts';
import { OutgoingMessage } from './outgoing_message.ts';
import { frameQuantumBytes } from './quantum.ts';
import { type ClassIndex, ClassScheduler } from './scheduler.ts';
import { StreamTurns } from './stream_turns.ts';

interface PendingOpen {
  readonly stream: MuxStream;
  readonly message: OutgoingMessage;
}

interface Refusal {
  readonly streamId: number;
  readonly streamClass: FrameClass;
  readonly error: CausewayError;
}

/**
 * Composes frames in the order of the scheduler and hands them to the session, one batch of at most one quantum at a
 * time: a control frame that comes up waits for the batch that is being written and for at most one frame more.
 */
export class FrameSender {
  readonly #session: Session;
  /** Called when a stream is over and the peer knows. */
  readonly #onOver: (stream: MuxStream) => void;
  readonly #scheduler = new ClassScheduler();
  readonly #memory = new FrameMemory();
  /** Streams with something to send, by class. */
  readonly #ready: readonly StreamTurns[] = STREAM_CLASSES.map(() => new StreamTurns());
  readonly #waits = STREAM_CLASSES.map(() => false);
  /** Openings in the order of their ids, which the peer relies on. */
  readonly #opens: PendingOpen[] = [];
  readonly #urgent = new Set<MuxStream>();
  readonly #refusals: Refusal[] = [];
  /** Whose data was sent last. */
  #lastShare: StreamShare | null = null;
  #running = false;
  #closed = false;

  constructor(session: Session, onOver: (stream: MuxStream) => void) {
    this.#session = session;
    this.#onOver = onOver;
  }

  open(stream: MuxStream): void {
    const message = new OutgoingMessage([Uint8Array.of(kindCode(stream.kind)), stream.opening]);
    this.#opens.push({ stream, message });
    this.#kick();
  }

  /** The stream has frames to send. */
  ready(stream: MuxStream): void {
    if (!stream.announced) return; // its turn comes when its opening is sent
    this.#ready[STREAM_CLASSES.indexOf(stream.streamClass)]?.add(stream);
    this.#kick();
  }

  /** The stream has a credit or a reset to send. */
  urgent(stream: MuxStream): void {
    this.#urgent.add(stream);
    this.#kick();
  }

  /** Resets a stream that this side never took up. Throws CW_WIRE_TOO_LARGE when the peer does not stop. */
  refuse(streamId: number, streamClass: FrameClass, error: CausewayError): void {
    if (this.#refusals.length >= LIMITS.streamsMax.value) {
      throw new CausewayError('CW_WIRE_TOO_LARGE', 'the peer opens streams and does not take their refusals');
    }
    this.#refusals.push({ streamId, streamClass, error });
    this.#kick();
  }

  /** Nothing is sent for this stream any more. */
  forget(stream: MuxStream): void {
    this.#ready[STREAM_CLASSES.indexOf(stream.streamClass)]?.delete(stream);
    this.#urgent.delete(stream);
    if (stream.announced) return;
    const index = this.#opens.findIndex((open) => open.stream === stream);
    if (index >= 0) this.#opens.splice(index, 1);
  }

  close(): void {
    this.#closed = true;
    this.#urgent.clear();
    this.#opens.length = 0;
    this.#refusals.length = 0;
    for (const streams of this.#ready) streams.clear();
  }

  #kick(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    // what else the current turn has to send goes into the same batch
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const batch = this.#compose();
      if (batch.parts.length === 0) break;
      try {
        await this.#session.write(batch.parts, () => batch.release());
      } catch {
        break; // the session is closed: the mux learns the reason from session.closed
      }
    }
    this.#running = false;
  }

  #compose(): FrameBatch {
    const batch = new FrameBatch(this.#memory, frameQuantumBytes(this.#session.bytesPerMs));
    this.#addRefusals(batch);
    this.#addUrgent(batch);
    this.#addOpens(batch);
    while (batch.roomBytes > 0) {
      for (const [index, streams] of this.#ready.entries()) this.#waits[index] = streams.size > 0;
      const next = this.#scheduler.next(this.#waits);
      if (next === null) break;
      // a share of data that ran dry has more in a moment: its turn is not given to others in the same batch
      if (this.#addOne(batch, next) && ClassScheduler.isData(next)) break;
    }
    batch.finish();
    return batch;
  }

  /** One frame of the stream whose turn it is in its class; true where its share has no more to send, after a frame of some size. */
  #addOne(batch: FrameBatch, index: ClassIndex): boolean {
    const streams = this.#ready[index] as StreamTurns;
    const stream = streams.take() as MuxStream;
    let frameBytes = 0;
    if (stream.sending.ready) {
      frameBytes = FRAME_HEADER_BYTES + stream.addFrame(batch);
      this.#scheduler.sent(index, frameBytes, this.#waits);
      streams.sent(stream, frameBytes);
      this.#noteShare(index, stream);
    }
    if (stream.sending.ready) streams.add(stream);
    if (stream.over) this.#onOver(stream);
    return frameBytes >= LIMITS.frameQuantumMinBytes.value && !streams.has(stream.share);
  }

  /** Tells the session that its line is shared: several send data in turn, or somebody waits for an answer. */
  #noteShare(index: ClassIndex, { kind, share }: MuxStream): void {
    const isData = ClassScheduler.isData(index);
    const isAwaited = kind === 'rpc' && STREAM_CLASSES[index] === 'interactive';
    if (isAwaited || (isData && this.#lastShare !== null && this.#lastShare !== share)) this.#session.share();
    if (isData) this.#lastShare = share;
  }

  #addUrgent(batch: FrameBatch): void {
    for (const stream of this.#urgent) {
      if (batch.roomBytes === 0) return;
      this.#urgent.delete(stream);
      if (stream.resetReason !== null) this.#addReset(batch, stream, stream.resetReason);
      else if (!stream.over && stream.grantBytes > 0) {
        const payload = new Uint8Array(CREDIT_BYTES);
        writeU32(payload, 0, stream.grantBytes);
        stream.grantBytes = 0;
        batch.addCopy(plainHeader('credit', stream.id, stream.streamClass, CREDIT_BYTES), payload);
      }
    }
  }

  #addReset(batch: FrameBatch, stream: MuxStream, error: CausewayError): void {
    const open = this.#opens.find((candidate) => candidate.stream === stream);
    if (stream.announced || open?.message.started) {
      const reason = encodeReason(error);
      batch.addCopy(plainHeader('reset', stream.id, stream.streamClass, reason.byteLength), reason);
    }
    this.forget(stream);
    this.#onOver(stream);
  }

  #addRefusals(batch: FrameBatch): void {
    while (this.#refusals.length > 0 && batch.roomBytes > 0) {
      const { streamId, streamClass, error } = this.#refusals.shift() as Refusal;
      const reason = encodeReason(error);
      batch.addCopy(plainHeader('reset', streamId, streamClass, reason.byteLength), reason);
    }
  }

  #addOpens(batch: FrameBatch): void {
    while (this.#opens.length > 0 && batch.roomBytes > 0) {
      const { stream, message } = this.#opens[0] as PendingOpen;
      const messageBytes = message.started ? 0 : message.sizeBytes;
      const lengthBytes = Math.min(message.leftBytes, batch.roomBytes);
      const last = lengthBytes === message.leftBytes;
      const { id: streamId, streamClass } = stream;
      batch.addMessage({ type: 'open', streamClass, last, streamId, lengthBytes, messageBytes }, message);
      if (!last) return;
      message.finish();
      this.#opens.shift();
      stream.announced = true;
      if (stream.sending.ready) this.ready(stream);
    }
  }
}

function plainHeader(type: FrameType, streamId: number, streamClass: FrameClass, lengthBytes: number) {
  return { type, streamClass, last: false, streamId, lengthBytes, messageBytes: 0 };
}
