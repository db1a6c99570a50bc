import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../../base/assert.ts';
import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { laneCalls } from './lane_calls.ts';
import {
  type LaneOrder,
  type LanePort,
  type LaneThreadData,
  type LaneWord,
  SLOT_SIGNAL,
  SLOT_STOP,
  SLOTS,
  type SlotMemory,
} from './lane_orders.ts';
import { addressOf, type LanePipe, openLanePipe } from './lane_pipe.ts';

/** A message begins with its length; 0 says that no other one comes. */
const LENGTH_BYTES = 4;
/** Heads of messages are gathered here; a longer one goes in pieces. */
const HEAD_BYTES = 64 * 1024;

/** Serves one end of a lane's connection, in a thread that does nothing else. Called once, by the module that it starts with. */
export function serveLane(): void {
  assert(parentPort !== null, 'a lane is served in a worker thread');
  const data = workerData as LaneThreadData;
  if (data.direction === 'send') new SendingThread(parentPort, data);
  else receiveAll(parentPort, data);
}

class SendingThread {
  readonly #port: LanePort;
  readonly #head = new Uint8Array(new SharedArrayBuffer(HEAD_BYTES));
  readonly #headAt = addressOf(this.#head);
  readonly #fd: number;
  #pipe: LanePipe | null = null;
  #isOver = false;

  constructor(port: LanePort, { setup }: LaneThreadData) {
    this.#port = port;
    this.#fd = setup.fd;
    this.#try(() => {
      this.#pipe = openLanePipe(setup);
      this.#say({ kind: 'ready' });
    });
    port.on('message', (order: LaneOrder) => this.#take(order));
  }

  #take(order: LaneOrder): void {
    if (order.kind === 'close') {
      return closeAll(this.#port, this.#pipe, this.#fd);
    }
    if (this.#isOver) return;
    if (order.kind === 'send') this.#try(() => this.#send(order.head, order.data));
    else this.#try(() => this.#end());
  }

  #send(head: Uint8Array, data: readonly Uint8Array[]): void {
    const pipe = this.#pipe as LanePipe;
    const sizeBytes = data.reduce((sum, { byteLength }) => sum + byteLength, head.byteLength);
    this.#length(sizeBytes);
    let used = LENGTH_BYTES;
    for (let from = 0; from < head.byteLength; ) {
      const piece = head.subarray(from, from + HEAD_BYTES - used);
      this.#head.set(piece, used);
      from += piece.byteLength;
      pipe.send(this.#headAt, used + piece.byteLength, data.length > 0 || from < head.byteLength);
      used = 0;
    }
    for (const [index, bytes] of data.entries()) this.#sendBytes(bytes, index < data.length - 1);
  }

  /** Bytes that are not shared came as a copy, and have to be copied once more to stay in their place. */
  #sendBytes(bytes: Uint8Array, more: boolean): void {
    const pipe = this.#pipe as LanePipe;
    if (bytes.buffer instanceof SharedArrayBuffer) return pipe.send(addressOf(bytes), bytes.byteLength, more);
    for (let from = 0; from < bytes.byteLength; from += HEAD_BYTES) {
      const piece = bytes.subarray(from, from + HEAD_BYTES);
      this.#head.set(piece);
      pipe.send(this.#headAt, piece.byteLength, more || from + HEAD_BYTES < bytes.byteLength);
    }
  }

  #end(): void {
    this.#length(0);
    (this.#pipe as LanePipe).send(this.#headAt, LENGTH_BYTES, false);
    this.#over(null);
  }

  #length(sizeBytes: number): void {
    new DataView(this.#head.buffer).setUint32(0, sizeBytes, true);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#over(thrown);
    }
  }

  #over(thrown: unknown): void {
    this.#isOver = true;
    this.#say(overWord(thrown));
  }

  #say(word: LaneWord): void {
    this.#port.postMessage(word);
  }
}

function overWord(thrown: unknown): LaneWord {
  if (thrown === null) return { kind: 'over', failure: null };
  const { code, message } = asCausewayError(thrown);
  return { kind: 'over', failure: { code, message } };
}

/** Receives until the other side ends, with blocking calls from end to end. */
function receiveAll(port: LanePort, data: Extract<LaneThreadData, { direction: 'receive' }>): void {
  const say = (word: LaneWord) => port.postMessage(word);
  let pipe: LanePipe | null = null;
  try {
    pipe = openLanePipe(data.setup);
    say({ kind: 'ready' });
    receiveMessages(pipe, data.slots, say);
    say({ kind: 'ended' });
    say(overWord(null));
  } catch (thrown) {
    say(overWord(thrown));
  }
  port.on('message', (order: LaneOrder) => {
    if (order.kind === 'close') closeAll(port, pipe, data.setup.fd);
  });
}

function closeAll(port: LanePort, pipe: LanePipe | null, fd: number): void {
  pipe?.free();
  laneCalls()?.functions.close(fd);
  port.close();
}

function receiveMessages(pipe: LanePipe, slots: SlotMemory, say: (word: LaneWord) => void): void {
  const memory = new Uint8Array(slots.bytes);
  const memoryAt = addressOf(memory);
  const states = new Int32Array(slots.states);
  const length = new Uint8Array(new SharedArrayBuffer(LENGTH_BYTES));
  const lengthAt = addressOf(length);
  const fields = new DataView(length.buffer);
  for (;;) {
    const slot = freeSlot(states);
    if (slot === null) throw new CausewayError('CW_LINK_CLOSED', 'the lane was given up by this side');
    if (!pipe.receive(lengthAt, LENGTH_BYTES))
      throw new CausewayError('CW_LINK_CLOSED', 'the connection of a lane was cut');
    const sizeBytes = fields.getUint32(0, true);
    if (sizeBytes === 0) return;
    if (sizeBytes > slots.slotBytes)
      throw new CausewayError('CW_WIRE_TOO_LARGE', `a message of ${sizeBytes} bytes on a lane`);
    if (!pipe.receive(memoryAt + BigInt(slot * slots.slotBytes), sizeBytes))
      throw new CausewayError('CW_LINK_CLOSED', 'the connection of a lane was cut');
    Atomics.store(states, slot, 1);
    say({ kind: 'message', slot, sizeBytes });
  }
}

/** Waits for one; null where the thread shall end. */
function freeSlot(states: Int32Array): number | null {
  for (;;) {
    const signal = Atomics.load(states, SLOT_SIGNAL);
    if (Atomics.load(states, SLOT_STOP) !== 0) return null;
    for (let slot = 0; slot < SLOTS; slot += 1) if (Atomics.load(states, slot) === 0) return slot;
    Atomics.wait(states, SLOT_SIGNAL, signal);
  }
}
