import { createPrivateKey, X509Certificate } from 'node:crypto';
import { CausewayError, fromReport } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type {
  LanePiece,
  LaneReceiver,
  LaneSender,
  LaneSetup,
  LaneThread,
  LaneThreads,
} from '../../lane_threads.ts';
import type { Conn, TlsIdentity } from '../../net.ts';
import type { ThreadModule } from '../offload.ts';
import { laneCalls } from './lane_calls.ts';
import { LaneCrew, type LaneDuty, type LaneHand } from './lane_crew.ts';
import {
  type ArrivedMessage,
  BATCH_MESSAGES,
  type LaneOrder,
  type LaneThreadData,
  type LaneWord,
  type LentMemory,
  type OrderedMessage,
  SLOT_SIGNAL,
  SLOT_STOP,
  type SlotMemory,
} from './lane_orders.ts';
import { addressOf, type LaneIdentity, type PipeSetup } from './lane_pipe.ts';

const SHUT_RDWR = 2;

/** Threads that run `module`, which calls `serveLane`; null where the platform has no way for them. */
export function createLaneThreads(module: ThreadModule): LaneThreads | null {
  if (laneCalls() === null) return null;
  return { ...threadsOf(new LaneCrew(module, false)), modest: threadsOf(new LaneCrew(module, true)) };
}

function threadsOf(crew: LaneCrew): LaneThreads {
  return {
    sender: (conn, setup) => {
      const pipe = pipeSetup(conn, setup);
      return pipe === null ? null : new Sender(crew, pipe);
    },
    receiver: (conn, setup) => {
      const pipe = pipeSetup(conn, setup);
      return pipe === null ? null : new Receiver(crew, pipe);
    },
    pipe: (conn, setup) => {
      const pipe = pipeSetup(conn, setup);
      return pipe && { ...pipe, deadAfterMs: LIMITS.mountDetourDeadMs.value };
    },
  };
}

function pipeSetup(conn: Conn, { secret, role, tls }: LaneSetup): PipeSetup | null {
  const fd = conn.handOver?.() ?? null;
  if (fd === null) {
    void conn.close();
    return null;
  }
  const identity = tls?.identity ? laneIdentity(tls.identity) : null;
  const handshakeTimeoutMs = LIMITS.handshakeTimeoutMs.value;
  const deadAfterMs = LIMITS.laneDeadAfterMs.value;
  return { fd, secret, role, handshakeTimeoutMs, deadAfterMs, tls: tls && { ...tls, identity } };
}

function laneIdentity({ certificatePem, privateKeyPem }: TlsIdentity): LaneIdentity {
  return {
    certificateDer: new X509Certificate(certificatePem).raw,
    privateKeyDer: createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' }),
  };
}

/** Lanes whose threads may wait in a system call: the process would not end before they do. */
const living = new Set<Thread>();
process.on('exit', () => {
  for (const thread of living) thread.kill();
});

abstract class Thread implements LaneThread, LaneDuty {
  readonly ready: Promise<void>;
  readonly #hand: LaneHand;
  readonly #fd: number;
  readonly #ready = Promise.withResolvers<void>();
  /** The descriptor is the thread's until it says so. */
  #isOpen = true;

  constructor(crew: LaneCrew, fd: number, dataFor: (hand: LaneHand) => LaneThreadData) {
    this.#fd = fd;
    this.ready = this.#ready.promise;
    this.ready.catch(() => undefined); // who never waits for it learns of the failure where he uses it
    living.add(this);
    this.#hand = crew.begin(this);
    this.order({ kind: 'start', data: dataFor(this.#hand) });
  }

  kill(): void {
    if (this.#isOpen) laneCalls()?.functions.shutdown(this.#fd, SHUT_RDWR);
  }

  protected get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Once it is over, the thread may serve another lane. */
  protected order(order: LaneOrder): void {
    if (this.#isOpen || order.kind === 'close') this.#hand.order(order);
  }

  protected abstract heard(word: Extract<LaneWord, { kind: 'messages' | 'ended' }>): void;
  /** Called once: null after an end in peace. */
  protected abstract ended(failure: CausewayError | null): void;

  hear(word: Exclude<LaneWord, { kind: 'idle' }>): void {
    if (word.kind === 'ready') return this.#ready.resolve();
    if (word.kind !== 'over') return this.heard(word);
    this.#gone(word.failure === null ? null : fromReport(word.failure));
    this.order({ kind: 'close' });
  }

  /** Without a word: the descriptor is nobody's any more. */
  died(reason: string): void {
    if (!this.#isOpen) return;
    this.#gone(new CausewayError('CW_INTERNAL', `the thread of a lane failed: ${reason}`));
    laneCalls()?.functions.close(this.#fd);
  }

  #gone(failure: CausewayError | null): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    living.delete(this);
    this.#ready.reject(failure ?? new CausewayError('CW_LINK_CLOSED', 'the lane ended before it began'));
    this.ended(failure);
  }
}

class Sender extends Thread implements LaneSender {
  readonly over: Promise<Error | null>;
  readonly #over: (failure: Error | null) => void;
  /** Messages of this turn of the event loop: one order tells of them. */
  #batch: OrderedMessage[] = [];

  constructor(crew: LaneCrew, setup: PipeSetup) {
    super(crew, setup.fd, () => ({ direction: 'send', setup }));
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.over = promise;
    this.#over = resolve;
  }

  send(head: Uint8Array, data: readonly Uint8Array[]): void {
    this.#batch.push({ head, data: data.map((bytes) => lent(bytes)) });
    if (this.#batch.length >= BATCH_MESSAGES) this.#orderBatch();
    else if (this.#batch.length === 1) process.nextTick(() => this.#orderBatch());
  }

  #orderBatch(): void {
    if (this.#batch.length === 0) return;
    const messages = this.#batch;
    this.#batch = [];
    this.order({ kind: 'send', messages });
  }

  end(): void {
    this.#orderBatch();
    this.order({ kind: 'end' });
  }

  /** A thread that waits for orders finds out by the next one. */
  override kill(): void {
    super.kill();
    this.end();
  }

  protected heard(): void {
    // a thread that sends has nothing else to say
  }

  protected ended(failure: CausewayError | null): void {
    this.#over(failure);
  }
}

/** Shared memory stays in its place; the caller keeps it alive. */
function lent(bytes: Uint8Array): LentMemory {
  return { at: addressOf(bytes), sizeBytes: bytes.byteLength };
}

class Receiver extends Thread implements LaneReceiver {
  readonly #slots: SlotMemory;
  readonly #states: Int32Array;
  readonly #pieces: (LanePiece | null)[] = [];
  #failure: CausewayError | null = null;
  #waiting: PromiseWithResolvers<LanePiece | null> | null = null;

  constructor(crew: LaneCrew, setup: PipeSetup) {
    let slots: SlotMemory | null = null;
    super(crew, setup.fd, (hand) => {
      slots = hand.freeSlots();
      return { direction: 'receive', setup, slots };
    });
    this.#slots = slots as unknown as SlotMemory;
    this.#states = new Int32Array(this.#slots.states);
  }

  receive(): Promise<LanePiece | null> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) return Promise.resolve(piece);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  receiveNow(): LanePiece | null {
    return this.#pieces[0] ? (this.#pieces.shift() as LanePiece) : null;
  }

  override kill(): void {
    if (!this.isOpen) return;
    super.kill();
    Atomics.store(this.#states, SLOT_STOP, 1);
    this.#signal();
  }

  protected heard(word: Extract<LaneWord, { kind: 'messages' | 'ended' }>): void {
    if (word.kind === 'ended') this.#give(null);
    else for (const message of word.messages) this.#give(this.#pieceOf(message));
  }

  protected ended(failure: CausewayError | null): void {
    this.#failure = failure ?? new CausewayError('CW_LINK_CLOSED', 'the lane has ended');
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }

  #pieceOf({ slot, sizeBytes }: ArrivedMessage): LanePiece {
    const { bytes, slotBytes } = this.#slots;
    return {
      bytes: new Uint8Array(bytes, slot * slotBytes, sizeBytes),
      release: () => {
        Atomics.store(this.#states, slot, 0);
        this.#signal();
      },
    };
  }

  #give(piece: LanePiece | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#pieces.push(piece);
    else waiting.resolve(piece);
  }

  #signal(): void {
    Atomics.add(this.#states, SLOT_SIGNAL, 1);
    Atomics.notify(this.#states, SLOT_SIGNAL);
  }
}
