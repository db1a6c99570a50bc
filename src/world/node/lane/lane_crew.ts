import { Worker } from 'node:worker_threads';
import { asCausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { ThreadModule } from '../offload.ts';
import { type LaneOrder, type LaneWord, SLOT_STOP, SLOTS, type SlotMemory } from './lane_orders.ts';

/** A thread of a lane calls and waits, and leaves next to no garbage. */
const HEAP = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 };
/** How long a thread without work is kept: a copy follows the other, and memory of a thread that ended does not all come back. */
const IDLE_MS = 60_000;

/** What a thread works for, from `start` to its answer to `close`. */
export interface LaneDuty {
  hear(word: Exclude<LaneWord, { kind: 'idle' }>): void;
  /** The thread is gone without a word. */
  died(reason: string): void;
}

export interface LaneHand {
  order(order: LaneOrder): void;
  /** Memory for messages that nobody uses: that of the last time, unless a message of then is in use still. */
  freeSlots(): SlotMemory;
}

/** Threads for connections of lanes: as many as there are, and some that wait for the next one. */
export class LaneCrew {
  readonly #module: ThreadModule;
  readonly #isModest: boolean;
  readonly #idle: Hand[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `isModest`: threads that come after others for a processor. */
  constructor(module: ThreadModule, isModest: boolean) {
    this.#module = module;
    this.#isModest = isModest;
  }

  begin(duty: LaneDuty): LaneHand {
    const hand = this.#idle.pop() ?? this.#start();
    hand.duty = duty;
    hand.worker.ref();
    return hand;
  }

  #start(): Hand {
    const worker = startWorker(this.#module, { isModest: this.#isModest });
    const hand = new Hand(worker);
    const died = (reason: string) => {
      const at = this.#idle.indexOf(hand);
      if (at >= 0) this.#idle.splice(at, 1);
      hand.duty?.died(reason);
      hand.duty = null;
    };
    worker
      .on('message', (word: LaneWord) => {
        if (word.kind === 'idle') this.#rest(hand);
        else hand.duty?.hear(word);
      })
      .on('error', (error) => died(asCausewayError(error).message))
      .on('exit', () => died('it ended'));
    return hand;
  }

  #rest(hand: Hand): void {
    hand.duty = null;
    hand.worker.unref(); // a thread without work does not keep the process alive
    if (this.#idle.length >= LIMITS.laneThreadsIdleMax.value) void hand.worker.terminate();
    else this.#idle.push(hand);
    this.#timer?.refresh();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      for (const { worker } of this.#idle.splice(0)) void worker.terminate();
    }, IDLE_MS).unref();
  }
}

class Hand implements LaneHand {
  readonly worker: Worker;
  duty: LaneDuty | null = null;
  #slots: SlotMemory | null = null;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  order(order: LaneOrder): void {
    this.worker.postMessage(order);
  }

  freeSlots(): SlotMemory {
    const states = this.#slots === null ? null : new Int32Array(this.#slots.states);
    if (states === null || states.subarray(0, SLOTS).some((state) => state !== 0)) this.#slots = newSlots();
    else states.fill(0);
    return this.#slots as SlotMemory;
  }
}

function newSlots(): SlotMemory {
  const slotBytes = LIMITS.frameMaxBytes.value;
  return {
    slotBytes,
    bytes: new SharedArrayBuffer(SLOTS * slotBytes),
    states: new SharedArrayBuffer((SLOT_STOP + 1) * Int32Array.BYTES_PER_ELEMENT),
  };
}

/** What a thread is started with. */
export interface LaneWorkerData {
  readonly isModest: boolean;
}

function startWorker(module: ThreadModule, workerData: LaneWorkerData): Worker {
  const options = {
    workerData,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    trackUnmanagedFds: false,
    resourceLimits: HEAP,
  };
  if ('url' in module) return new Worker(new URL(module.url), options);
  return new Worker(module.text, { ...options, eval: true });
}
