import type { Dice } from './dice.ts';
import type { Scheduler } from './scheduler.ts';
import type { Operation, Trace } from './trace.ts';

/** What all parts of one simulation share. */
export interface Kernel {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
}

/** How a process ends: by itself, killed alone, or with its machine. */
export type EndKind = 'exit' | 'kill' | 'power';

/** Something a process holds and the kernel takes back when the process ends. */
export interface Resource {
  /** For leak reports: `file /srv/a`, `socket tcp guest:4433`, `timer`. */
  readonly label: string;
  abandon(how: EndKind): void;
}

/** The two ends of a promise whose settling the simulator controls. */
export interface Waiter<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** What happens to a process at an operation chosen before. */
export interface Strike {
  /** Asked when the operation comes: false lets it pass, for good. */
  wanted(): boolean;
  run(): void;
}

export type ProcessState = 'running' | 'exited' | 'failed' | 'killed';

export interface ProcessIdentity {
  readonly pid: number;
  readonly name: string;
  readonly hostName: string;
}

/** A promise that never settles: what a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/**
 * A simulated process. All its operations on the world pass {@link enter}; whatever they wait for is settled only
 * while it runs, so that after its end no code of it goes on from any `await`.
 */
export class SimProcess {
  readonly pid: number;
  readonly name: string;
  readonly hostName: string;
  readonly #kernel: Kernel;
  readonly #dice: Dice;
  readonly #resources = new Set<Resource>();
  readonly #held: (() => void)[] = [];
  readonly #endListeners: ((how: EndKind) => void)[] = [];
  #state: ProcessState = 'running';
  #paused = false;
  #strikeAt = Number.POSITIVE_INFINITY;
  #strike: Strike | null = null;
  /** Operations on the world since its start. */
  operations = 0;
  /** Told of each of them. */
  onOperation: ((operation: Operation, detail: string) => void) | null = null;
  /** What `main` rejected with, where the state is `failed`. */
  failure: unknown = null;
  /** Labels of what it still held when it ended by itself. */
  leaks: readonly string[] = [];

  constructor(kernel: Kernel, identity: ProcessIdentity, dice: Dice) {
    this.#kernel = kernel;
    this.#dice = dice;
    this.pid = identity.pid;
    this.name = identity.name;
    this.hostName = identity.hostName;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /**
   * Counts an operation. False when the process is dead, or dies here: then the operation may have had its effect,
   * but nobody learns of it.
   */
  enter(operation: Operation, detail: string, effect: (() => void) | null, number = 0): boolean {
    if (this.#state !== 'running') return false;
    this.operations += 1;
    this.onOperation?.(operation, detail);
    this.#kernel.trace.note(this.#kernel.scheduler.nowMs, operation, this.pid, detail, number);
    if (this.operations < this.#strikeAt) return true;
    const strike = this.#strike;
    this.#strikeAt = Number.POSITIVE_INFINITY;
    this.#strike = null;
    if (strike === null || !strike.wanted()) return true;
    if (effect !== null && this.#dice.chance(0.5)) this.#attempt(effect);
    strike.run();
    return this.running;
  }

  /** Does `action` after `delayMs`; at once, within the running turn, where that is 0 and the turn is not used up. */
  perform<T>(action: () => T, delayMs: number): Promise<T> {
    const scheduler = this.#kernel.scheduler;
    if (delayMs <= 0 && !this.#paused && scheduler.takeTurn()) {
      try {
        return Promise.resolve(action());
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const waiter = this.waiter<T>();
    // The effect comes at the start or at the end of the wait: other operations may overtake this one either way.
    const early = this.#dice.chance(0.5);
    const settle = early ? this.#outcome(waiter, action) : null;
    scheduler.after(Math.max(delayMs, 0.001), () => {
      if (this.running) (settle ?? this.#outcome(waiter, action))();
    });
    return waiter.promise;
  }

  /** {@link enter} and {@link perform}. */
  operate<T>(operation: Operation, detail: string, action: () => T, delayMs = 0): Promise<T> {
    return this.enter(operation, detail, action) ? this.perform(action, delayMs) : never<T>();
  }

  /** A promise that is settled only while the process runs, and later where it is stopped meanwhile. */
  waiter<T>(): Waiter<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    return {
      promise,
      resolve: (value) => this.#settle(() => resolve(value)),
      reject: (error) => this.#settle(() => reject(error)),
    };
  }

  hold(resource: Resource): void {
    if (this.running) this.#resources.add(resource);
  }

  release(resource: Resource): void {
    this.#resources.delete(resource);
  }

  /** Labels of what it holds now. */
  get held(): string[] {
    return [...this.#resources].map((resource) => resource.label);
  }

  onEnd(listener: (how: EndKind) => void): void {
    this.#endListeners.push(listener);
  }

  /** SIGKILL: no pending `await` settles from now on, sockets are cut, handles vanish, the page cache stays. */
  kill(): void {
    this.end('kill', 'killed');
  }

  /** SIGSTOP: operations have their effect, but the process learns of it after {@link resume} only. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held.splice(0);
    if (held.length === 0) return;
    this.#kernel.scheduler.after(0, () => {
      for (const settle of held) this.#settle(settle);
    });
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `strike` at the n-th operation since the start, or at the next one where that is past. */
  strikeAt(operation: number, strike: Strike): void {
    this.#strikeAt = operation;
    this.#strike = strike;
  }

  end(how: EndKind, state: ProcessState, failure: unknown = null): void {
    if (!this.running) return;
    this.#state = state;
    this.failure = failure;
    const kind: Operation = how === 'exit' ? 'exit' : how === 'kill' ? 'kill' : 'power-cut';
    this.#kernel.trace.note(this.#kernel.scheduler.nowMs, kind, this.pid, this.name);
    if (how === 'exit') this.leaks = this.held;
    for (const resource of [...this.#resources]) resource.abandon(how);
    this.#resources.clear();
    this.#held.length = 0;
    for (const listener of this.#endListeners) listener(how);
  }

  #settle(settle: () => void): void {
    if (!this.running) return;
    if (this.#paused) this.#held.push(settle);
    else settle();
  }

  #outcome<T>(waiter: Waiter<T>, action: () => T): () => void {
    try {
      const value = action();
      return () => waiter.resolve(value);
    } catch (error) {
      return () => waiter.reject(error);
    }
  }

  #attempt(effect: () => void): void {
    try {
      effect();
    } catch {
      // the process dies at this operation: nobody learns whether it failed
    }
  }
}
