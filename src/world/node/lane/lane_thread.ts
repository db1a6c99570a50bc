import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../../base/assert.ts';
import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { keepCompiledCode } from '../compiled_code.ts';
import { lowerThreadPriority } from '../priority.ts';
import { laneCalls } from './lane_calls.ts';
import type { LaneWorkerData } from './lane_crew.ts';
import {
  type ArrivedMessage,
  BATCH_MESSAGES,
  type LaneOrder,
  type LanePort,
  type LaneThreadData,
  type LaneWord,
  type OrderedMessage,
  SLOT_SIGNAL,
  SLOT_STOP,
  SLOTS,
  type SlotMemory,
} from './lane_orders.ts';
import { addressOf, type LanePipe, openLanePipe, type PipeSetup } from './lane_pipe.ts';

/** A message begins with its length; 0 says that no other one comes. */
const LENGTH_BYTES = 4;
/** Heads of messages are gathered here; a longer one goes in pieces. */
const HEAD_BYTES = 64 * 1024;

/** Serves connections of lanes, one at a time, in a thread that does nothing else. Called once, by the module that it starts with. */
export function serveLanes(): void {
  const port = parentPort;
  assert(port !== null, 'lanes are served in a worker thread');
  if ((workerData as LaneWorkerData).isModest) lowerThreadPriority('modest');
  keepCompiledCode();
  const head = new Uint8Array(new SharedArrayBuffer(HEAD_BYTES));
  let current: Served | null = null;
  port.on('message', (order: LaneOrder) => {
    if (order.kind === 'start') current = serve(port, order.data, head);
    else if (order.kind !== 'close') current?.take?.(order);
    else {
      current?.close();
      current = null;
      port.postMessage({ kind: 'idle' } satisfies LaneWord);
    }
  });
}

interface Served {
  /** Takes an order, where it waits for some. */
  take?(order: Extract<LaneOrder, { kind: 'send' | 'end' }>): void;
  close(): void;
}

function serve(port: LanePort, data: LaneThreadData, head: Uint8Array): Served {
  return data.direction === 'send' ? new Sending(port, data.setup, head) : receiveAll(port, data);
}

class Sending implements Served {
  readonly #port: LanePort;
  readonly #head: Uint8Array;
  readonly #headAt: bigint;
  readonly #fd: number;
  #pipe: LanePipe | null = null;
  #isOver = false;

  constructor(port: LanePort, setup: PipeSetup, head: Uint8Array) {
    this.#port = port;
    this.#head = head;
    this.#headAt = addressOf(head);
    this.#fd = setup.fd;
    this.#try(() => {
      this.#pipe = openLanePipe(setup);
      this.#say({ kind: 'ready' });
    });
  }

  close(): void {
    closeAll(this.#pipe, this.#fd);
  }

  take(order: Extract<LaneOrder, { kind: 'send' | 'end' }>): void {
    if (this.#isOver) return;
    if (order.kind === 'send') this.#try(() => this.#sendAll(order.messages));
    else this.#try(() => this.#end());
  }

  #sendAll(messages: readonly OrderedMessage[]): void {
    for (const [index, message] of messages.entries()) this.#send(message, index < messages.length - 1);
  }

  /** `more`: another message follows at once. */
  #send({ head, data }: OrderedMessage, more: boolean): void {
    const pipe = this.#pipe as LanePipe;
    this.#length(data.reduce((sum, { sizeBytes }) => sum + sizeBytes, head.byteLength));
    let used = LENGTH_BYTES;
    for (let from = 0; from < head.byteLength; ) {
      const piece = head.subarray(from, from + HEAD_BYTES - used);
      this.#head.set(piece, used);
      from += piece.byteLength;
      pipe.send(this.#headAt, used + piece.byteLength, more || data.length > 0 || from < head.byteLength);
      used = 0;
    }
    for (const [index, { at, sizeBytes }] of data.entries())
      pipe.send(at, sizeBytes, more || index < data.length - 1);
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
function receiveAll(port: LanePort, data: Extract<LaneThreadData, { direction: 'receive' }>): Served {
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
  return { close: () => closeAll(pipe, data.setup.fd) };
}

function closeAll(pipe: LanePipe | null, fd: number): void {
  pipe?.free();
  laneCalls()?.functions.close(fd);
}

function receiveMessages(pipe: LanePipe, slots: SlotMemory, say: (word: LaneWord) => void): void {
  const memory = new Uint8Array(slots.bytes);
  const memoryAt = addressOf(memory);
  const states = new Int32Array(slots.states);
  const length = new Uint8Array(new SharedArrayBuffer(LENGTH_BYTES));
  const lengthAt = addressOf(length);
  const fields = new DataView(length.buffer);
  const told = new Telling(say);
  try {
    for (;;) {
      const slot = freeSlot(states, told);
      if (slot === null) throw new CausewayError('CW_LINK_CLOSED', 'the lane was given up by this side');
      const sinceMs = performance.now();
      if (!pipe.receive(lengthAt, LENGTH_BYTES))
        throw new CausewayError('CW_LINK_CLOSED', 'the connection of a lane was cut');
      const sizeBytes = fields.getUint32(0, true);
      if (sizeBytes === 0) return;
      if (sizeBytes > slots.slotBytes)
        throw new CausewayError('CW_WIRE_TOO_LARGE', `a message of ${sizeBytes} bytes on a lane`);
      if (!pipe.receive(memoryAt + BigInt(slot * slots.slotBytes), sizeBytes))
        throw new CausewayError('CW_LINK_CLOSED', 'the connection of a lane was cut');
      Atomics.store(states, slot, 1);
      told.add({ slot, sizeBytes });
      const isQuick = performance.now() - sinceMs < QUICK_MS;
      if (!isQuick || !pipe.hasMore()) told.tell();
    }
  } finally {
    told.tell(); // what came whole before the connection broke counts
  }
}

/** Where a message takes no longer, its word may wait for the next one, of which a part is there already. */
const QUICK_MS = 10;

/** Tells of messages that came, several with one word where they come fast: each word wakes the other thread. */
class Telling {
  readonly #say: (word: LaneWord) => void;
  #messages: ArrivedMessage[] = [];

  constructor(say: (word: LaneWord) => void) {
    this.#say = say;
  }

  add(message: ArrivedMessage): void {
    this.#messages.push(message);
    if (this.#messages.length >= BATCH_MESSAGES) this.tell();
  }

  tell(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#say({ kind: 'messages', messages });
  }
}

/** Waits for one, but with no word kept back; null where the thread shall end. */
function freeSlot(states: Int32Array, told: Telling): number | null {
  for (;;) {
    const signal = Atomics.load(states, SLOT_SIGNAL);
    if (Atomics.load(states, SLOT_STOP) !== 0) return null;
    for (let slot = 0; slot < SLOTS; slot += 1) if (Atomics.load(states, slot) === 0) return slot;
    told.tell();
    Atomics.wait(states, SLOT_SIGNAL, signal);
  }
}
