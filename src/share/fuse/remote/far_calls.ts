import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { Stream } from '../../../link/mux/mux.ts';
import type { MountReady } from '../../../wire/mount_messages.ts';
import type { Clock } from '../../../world/clock.ts';
import { FarFailure } from '../errnos.ts';
import { FarNotices } from '../far_notices.ts';
import { FarRequests } from '../far_requests.ts';
import { OP, OUT_HEADER_BYTES } from '../protocol.ts';
import { requestFrame } from './request_frames.ts';

interface Call {
  readonly opcode: number;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (failure: CausewayError) => void;
}

export interface FarCallsPorts {
  readonly clock: Pick<Clock, 'sleep'>;
  /** A notice of the other machine: something that this side knows is out of date. */
  readonly onNotice: (bytes: Uint8Array) => void;
}

/** So many bytes of small requests go in one message. */
const BATCH_BYTES = 64 * 1024;
const NAMES = new Map<number, string>(Object.entries(OP).map(([name, code]) => [code, name]));

/**
 * Requests of this process to the server of a folder on another machine, over one stream after the other: what a kernel asks
 * by {@link FarMount}, without a kernel. Requests that are made together travel together and are served in their order.
 * While nothing gets through they wait for LIMITS.mountOutageMs, then they fail with CW_LINK_CLOSED.
 */
export class FarCalls {
  readonly #clock: FarCallsPorts['clock'];
  readonly #requests: FarRequests;
  readonly #calls = new Map<bigint, Call>();
  readonly #notices: FarNotices;
  #stream: Stream | null = null;
  #isStalled = false;
  #outage: AbortController | null = null;
  #isGivenUp = false;
  #hasBegun = false;
  #isClosed = false;
  #last = 0n;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  /** Ids of files and open ones are of one server; another number, another server. */
  #generation = 0;

  constructor({ clock, onNotice }: FarCallsPorts) {
    this.#clock = clock;
    this.#requests = new FarRequests((unique) => {
      const call = this.#calls.get(unique);
      this.#calls.delete(unique);
      call?.reject(new CausewayError('CW_LINK_CLOSED', 'the other machine does not answer'));
    });
    const notify = (bytes: Uint8Array, done?: () => void) => {
      onNotice(bytes);
      done?.();
    };
    this.#notices = new FarNotices({ notify }, () => undefined);
    this.#watch();
  }

  get generation(): number {
    return this.#generation;
  }

  /** Nothing gets through at the moment. */
  get isAway(): boolean {
    return this.#stream === null || this.#isStalled;
  }

  /** Nothing was asked yet: what an earlier process had open over there is nobody's. */
  get begins(): boolean {
    return !this.#hasBegun;
  }

  /** The body of the answer. CW_DISK_* as {@link FarFailure}; CW_LINK_CLOSED. */
  async call(opcode: number, node: bigint, ...body: readonly Uint8Array[]): Promise<Uint8Array> {
    if (this.#isClosed) throw new CausewayError('CW_LINK_CLOSED', 'the mount has ended');
    this.#last += 1n;
    const unique = this.#last * 2n;
    const frame = requestFrame(opcode, node, unique, body);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#calls.set(unique, { opcode, resolve, reject });
    this.#requests.add(unique, opcode, frame, this.#stream !== null);
    if (this.#stream !== null) this.#post(frame);
    if (this.#isGivenUp) this.#requests.failAll(0);
    return promise;
  }

  /** What has no answer, or one that nobody waits for. */
  tell(opcode: number, node: bigint, ...body: readonly Uint8Array[]): void {
    this.#last += 1n;
    if (this.#stream !== null) this.#post(requestFrame(opcode, node, this.#last * 2n, body));
  }

  /** Sends requests over the stream and takes answers from it, until it ends: why it did, or null. */
  async run(stream: Stream, { isKept, tells = false }: MountReady): Promise<CausewayError | null> {
    if (!isKept) this.#generation += 1;
    this.#hasBegun = true;
    this.#stream = stream;
    this.#notices.begin(tells ? (frame) => this.#send(stream, [frame]) : null);
    for (const bytes of this.#requests.takeUnsent()) this.#send(stream, [bytes]);
    this.#watch();
    try {
      for (;;) {
        const message = await stream.receive();
        if (message === null) return null;
        try {
          this.#take(message.bytes);
        } finally {
          message.release();
        }
      }
    } catch (failure) {
      const error = asCausewayError(failure);
      stream.reset(error);
      return error;
    } finally {
      if (this.#stream === stream) this.#stream = null;
      [this.#batch, this.#batchBytes] = [[], 0];
      this.#requests.lost();
      this.#watch();
    }
  }

  /** Whether the link has no carrier at the moment. */
  stalled(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#watch();
  }

  close(): void {
    this.#isClosed = true;
    this.#outage?.abort();
    this.#requests.failAll(0);
  }

  #watch(): void {
    if ((this.#stream !== null && !this.#isStalled) || this.#isClosed) {
      this.#outage?.abort();
      this.#outage = null;
      this.#isGivenUp = false;
      return;
    }
    if (this.#outage !== null) return;
    const outage = new AbortController();
    this.#outage = outage;
    this.#clock.sleep(LIMITS.mountOutageMs.value, outage.signal).then(
      () => {
        this.#isGivenUp = true;
        this.#requests.failAll(0);
      },
      () => undefined, // it is through again
    );
  }

  /** Small requests of one turn go in one message. */
  #post(frame: Uint8Array): void {
    if (this.#batchBytes + frame.byteLength > BATCH_BYTES) this.#flush();
    this.#batch.push(frame);
    this.#batchBytes += frame.byteLength;
    if (this.#batch.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const { length } = this.#batch;
    if (length === 0 || this.#stream === null) return;
    this.#send(this.#stream, this.#batch);
    [this.#batch, this.#batchBytes] = [[], 0];
  }

  #send(stream: Stream, parts: readonly Uint8Array[]): void {
    stream.send(parts).catch(() => undefined); // the stream is over: `run` learns of it, and why
  }

  #take(bytes: Uint8Array): void {
    const all = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; ) {
      const left = bytes.byteLength - at;
      const sizeBytes = left < OUT_HEADER_BYTES ? 0 : all.getUint32(at, true);
      if (sizeBytes < OUT_HEADER_BYTES || sizeBytes > left)
        throw new CausewayError(
          'CW_WIRE_MALFORMED',
          `an answer of ${sizeBytes} bytes in a message of a mount`,
        );
      const unique = all.getBigUint64(at + 8, true);
      const frame = new Uint8Array(bytes.buffer, bytes.byteOffset + at, sizeBytes); // its `slice` is a copy, a Buffer's is not
      if (unique === 0n)
        this.#notices.take(frame, new DataView(bytes.buffer, bytes.byteOffset + at, sizeBytes));
      else this.#answered(unique, all.getInt32(at + 4, true), frame);
      at += sizeBytes;
    }
  }

  #answered(unique: bigint, error: number, frame: Uint8Array): void {
    if (this.#requests.answered(unique) === null) return;
    const call = this.#calls.get(unique);
    this.#calls.delete(unique);
    if (call === undefined) return;
    if (error === 0) call.resolve(frame.slice(OUT_HEADER_BYTES));
    else call.reject(new FarFailure(-error, NAMES.get(call.opcode) ?? `request ${call.opcode}`));
  }
}
