import type { Dice } from './dice.ts';

/** Something that happens at a virtual time. */
export interface SimEvent {
  readonly atMs: number;
  readonly tie: number;
  readonly sequence: number;
  /** True for what goes on for ever by itself (the next fault): it does not keep a run from being idle. */
  readonly background: boolean;
  /** Null once it ran or was cancelled. */
  run: (() => void) | null;
}

/**
 * `done`: the condition held. `idle`: nothing can happen any more, so that it never will. `events`, `time`: the limit
 * was reached.
 */
export type RunOutcome = 'done' | 'idle' | 'events' | 'time';

export interface RunLimits {
  readonly maxEvents: number;
  readonly maxVirtualMs: number;
}

/**
 * Operations that may complete at once in one turn. Above it they go through the queue, so that a loop that never
 * waits for time meets the limit of events.
 */
const TURN_OPERATIONS_MAX = 64;

function before(a: SimEvent, b: SimEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.sequence < b.sequence;
}

/**
 * One turn of the event loop: by then every promise chain has gone as far as it can without a new event. All that
 * is awaited under simulation is a promise of the world, and no thread pool or kernel takes part.
 */
function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Virtual time: a heap of events ordered by (time, seeded tie-break, sequence). */
export class Scheduler {
  readonly #heap: SimEvent[] = [];
  readonly #dice: Dice;
  #sequence = 0;
  #foreground = 0;
  #turnOperations = 0;
  #violation: { readonly error: unknown } | null = null;
  nowMs = 0;
  events = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Runs `run` after `delayMs` of virtual time, among other events of that instant in seeded order. */
  after(delayMs: number, run: () => void, background = false): SimEvent {
    this.#sequence += 1;
    const event: SimEvent = {
      atMs: this.nowMs + Math.max(0, delayMs),
      tie: this.#dice.u32(),
      sequence: this.#sequence,
      background,
      run,
    };
    if (!background) this.#foreground += 1;
    this.#push(event);
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.run === null) return;
    event.run = null;
    if (!event.background) this.#foreground -= 1;
  }

  /** True while operations may complete at once within this turn. */
  takeTurn(): boolean {
    this.#turnOperations += 1;
    return this.#turnOperations <= TURN_OPERATIONS_MAX;
  }

  /** Ends the run with `error`: a checker found something, or the simulator is broken. The first one counts. */
  violate(error: unknown): void {
    this.#violation ??= { error };
  }

  /** Runs events until `done()` holds after one of them. Throws the first violation. */
  async runUntil(done: () => boolean, limits: RunLimits): Promise<RunOutcome> {
    const lastEvent = this.events + limits.maxEvents;
    const lastMs = this.nowMs + limits.maxVirtualMs;
    for (;;) {
      this.#turnOperations = 0;
      await drain();
      if (this.#violation !== null) throw this.#violation.error;
      if (done()) return 'done';
      const next = this.#foreground > 0 ? this.#peek() : null;
      if (next === null) return 'idle';
      if (this.events >= lastEvent) return 'events';
      if (next.atMs > lastMs) {
        this.nowMs = lastMs;
        return 'time';
      }
      this.#fire(next);
    }
  }

  #fire(event: SimEvent): void {
    this.#pop();
    const run = event.run;
    event.run = null;
    if (!event.background) this.#foreground -= 1;
    this.nowMs = event.atMs;
    this.events += 1;
    try {
      run?.();
    } catch (error) {
      this.violate(error);
    }
  }

  /** The next live event, left in the heap; cancelled ones before it are dropped. */
  #peek(): SimEvent | null {
    while (this.#heap.length > 0) {
      const top = this.#heap[0] as SimEvent;
      if (top.run !== null) return top;
      this.#pop();
    }
    return null;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as SimEvent)) break;
      heap[at] = heap[parent] as SimEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as SimEvent;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child += 1;
      if (!before(heap[child] as SimEvent, last)) break;
      heap[at] = heap[child] as SimEvent;
      at = child;
    }
    heap[at] = last;
  }
}
