import { CausewayError } from '../../base/errors.ts';
import { bindLibc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

interface Functions {
  poll(fds: bigint, count: bigint, timeoutMs: number): number;
  uv_backend_fd(loop: bigint): number;
  _ZN2v87Isolate10GetCurrentEv(): bigint;
  _ZN4node19GetCurrentEventLoopEPN2v87IsolateE(isolate: bigint): bigint;
}

const POLLIN = 1;
/** `struct pollfd`: descriptor, events that are waited for, events that were found. */
const POLLFD_BYTES = 8;
const FOUND_AT = 6;
const SOURCES_MAX = 4;
/** Then the loop gets a turn unasked: what Node does by itself may have no descriptor. */
const WAIT_MAX_MS = 1_000;
/** However busy the descriptors are, messages to this thread get their turn. */
const TURN_EVERY = 64;

/** A descriptor, and what is done when something happened to it. */
export interface PumpSource {
  readonly fd: number;
  /** For poll(2), asked right before each wait; 0: not now. */
  events(): number;
  /** What poll(2) has found; 0 where something else happened. */
  ready(found: number): void;
}

interface Timer {
  readonly atMs: number;
  readonly call: () => void;
  /** Serves it while the pump does not run. */
  handle: NodeJS.Timeout | null;
}

/** Whether a {@link Pump} works in this process. */
export function offersPump(): boolean {
  return bindPump() !== null;
}

function bindPump() {
  return bindLibc<Functions>({
    poll: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
    uv_backend_fd: { return: 'i32', arguments: ['u64'] },
    _ZN2v87Isolate10GetCurrentEv: { return: 'u64', arguments: [] },
    _ZN4node19GetCurrentEventLoopEPN2v87IsolateE: { return: 'u64', arguments: ['u64'] },
  });
}

/**
 * Has a thread wait for descriptors that Node cannot wait for, and serve them without a turn of Node's event loop, which costs
 * more than a small request. The descriptor of the loop itself is among them, so that messages and timers get theirs.
 */
export class Pump {
  readonly #c: Functions;
  readonly #polled = Buffer.from(new SharedArrayBuffer((SOURCES_MAX + 1) * POLLFD_BYTES));
  readonly #polledAt: bigint;
  readonly #loopFd: number;
  readonly #sources: PumpSource[] = [];
  #found: number[] = [];
  readonly #timers = new Set<Timer>();
  #isRunning = false;
  #isPoked = false;
  #isOver = false;

  /** CW_UNSUPPORTED where {@link offersPump} says so. */
  constructor() {
    const libc = bindPump();
    if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'this Node does not show its event loop');
    const c = libc.functions;
    this.#c = c;
    this.#polledAt = loadFfi().getRawPointer(this.#polled);
    this.#loopFd = c.uv_backend_fd(
      c._ZN4node19GetCurrentEventLoopEPN2v87IsolateE(c._ZN2v87Isolate10GetCurrentEv()),
    );
  }

  add(source: PumpSource): void {
    this.#sources.push(source);
  }

  remove(source: PumpSource): void {
    const at = this.#sources.indexOf(source);
    if (at >= 0) this.#sources.splice(at, 1);
  }

  /** All sources are called before the next wait. */
  poke(): void {
    this.#isPoked = true;
  }

  /** Calls once after so many milliseconds, whether it runs or not; what it gives takes that back. */
  after(delayMs: number, call: () => void): () => void {
    const timer: Timer = { atMs: performance.now() + delayMs, call, handle: null };
    this.#timers.add(timer);
    if (!this.#isRunning) this.#arm(timer);
    return () => void this.#cancel(timer);
  }

  /** Has {@link run} return. */
  end(): void {
    this.#isOver = true;
  }

  /** Serves until {@link end}. */
  async run(): Promise<void> {
    this.#isRunning = true;
    this.#isOver = false;
    for (let turn = 1; !this.#isOver; turn += 1) {
      const isLoops = this.#wait();
      for (const [index, source] of [...this.#sources].entries()) source.ready(this.#found[index] ?? 0);
      this.#ring();
      if (isLoops || turn % TURN_EVERY === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      else await new Promise<void>((resolve) => process.nextTick(resolve)); // behind all that promises lead to
    }
    this.#isRunning = false;
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Waits for something; true where that is an event of Node's loop. */
  #wait(): boolean {
    this.#put(0, this.#loopFd, POLLIN);
    for (const [index, source] of this.#sources.entries()) {
      const events = source.events();
      this.#put(index + 1, events === 0 ? -1 : source.fd, events); // poll(2) passes over what is negative
    }
    const timeoutMs = this.#isPoked ? 0 : this.#nextMs();
    this.#isPoked = false;
    const count = this.#c.poll(this.#polledAt, BigInt(this.#sources.length + 1), timeoutMs);
    this.#found = this.#sources.map((_source, index) =>
      this.#polled.readInt16LE((index + 1) * POLLFD_BYTES + FOUND_AT),
    );
    return this.#polled.readInt16LE(FOUND_AT) !== 0 || (count === 0 && timeoutMs === WAIT_MAX_MS);
  }

  #put(index: number, fd: number, events: number): void {
    this.#polled.writeInt32LE(fd, index * POLLFD_BYTES);
    this.#polled.writeInt32LE(events, index * POLLFD_BYTES + 4); // and nothing found yet
  }

  #nextMs(): number {
    if (this.#timers.size === 0) return WAIT_MAX_MS;
    let atMs = Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) atMs = Math.min(atMs, timer.atMs);
    return Math.min(WAIT_MAX_MS, Math.max(0, Math.ceil(atMs - performance.now())));
  }

  #ring(): void {
    if (this.#timers.size === 0) return;
    const nowMs = performance.now();
    for (const timer of [...this.#timers]) if (timer.atMs <= nowMs) this.#fire(timer);
  }

  #arm(timer: Timer): void {
    const inMs = Math.max(0, timer.atMs - performance.now());
    timer.handle ??= setTimeout(() => this.#fire(timer), inMs).unref(); // a thread lives by its messages
  }

  #fire(timer: Timer): void {
    if (this.#cancel(timer)) timer.call();
  }

  #cancel(timer: Timer): boolean {
    if (timer.handle !== null) clearTimeout(timer.handle);
    return this.#timers.delete(timer);
  }
}
