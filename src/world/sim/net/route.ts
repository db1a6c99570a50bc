import type { Dice } from '../dice.ts';
import type { FaultSwitch, NetFaults } from '../faults.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';

/** What the network's parts share. */
export interface NetContext {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly faults: FaultSwitch;
  readonly dice: Dice;
}

/** What may happen to one piece of data on its way. */
export interface Passage {
  readonly delayMs: number;
  readonly cut: boolean;
  readonly flip: boolean;
}

/**
 * The way between two machines, or of a machine to itself, where nothing is lost. Pipes ask it how each piece of
 * data fares; scenarios hold it, cut it and flip bits on it.
 */
export class Route {
  readonly local: boolean;
  readonly #context: NetContext;
  readonly #plan: NetFaults;
  readonly #latency: Dice;
  readonly #splits: Dice;
  readonly #troubles: Dice;
  readonly #waiting: (() => void)[] = [];
  readonly #severed: ((heal: boolean) => void)[] = [];
  #held = false;
  #flipNext = 0;
  /** Bytes a millisecond in each direction; 0 for no limit. */
  bytesPerMs: number;

  constructor(context: NetContext, label: string, local: boolean) {
    this.#context = context;
    this.#plan = context.faults.plan.net;
    this.local = local;
    this.bytesPerMs = local ? 0 : this.#plan.bytesPerMs;
    const dice = context.dice.fork(label);
    this.#latency = dice.fork('latency');
    this.#splits = dice.fork('splits');
    this.#troubles = dice.fork('troubles');
  }

  /** True while nothing passes. */
  get held(): boolean {
    return this.#held;
  }

  get refusesDial(): boolean {
    return !this.local && this.#context.faults.active && this.#troubles.chance(this.#plan.refuseRate);
  }

  /** The time of one packet without load. */
  delayMs(): number {
    const max = this.local ? 0.2 : this.#plan.latencyMaxMs;
    return this.#latency.chance(this.#plan.latencyRate) ? this.#latency.latency(max) : 0;
  }

  /** How the next piece of data fares. */
  passage(): Passage {
    const forced = this.#flipNext > 0;
    if (forced) this.#flipNext -= 1;
    const delayMs = this.delayMs();
    if (this.local || !this.#context.faults.active) return { delayMs, cut: false, flip: forced };
    const stallMs = this.#troubles.chance(this.#plan.stallRate)
      ? this.#troubles.unit() * this.#plan.stallMaxMs
      : 0;
    return {
      delayMs: delayMs + stallMs,
      cut: this.#troubles.chance(this.#plan.cutRate),
      flip: forced || this.#troubles.chance(this.#plan.flipRate),
    };
  }

  /** Sizes of the pieces in which `length` bytes travel. */
  split(length: number): number[] {
    if (length < 2 || !this.#splits.chance(this.#plan.splitRate)) return [length];
    const first = this.#splits.between(1, length - 1);
    const second = this.#splits.between(0, length - first);
    return [first, second, length - first - second].filter((size) => size > 0);
  }

  /** How many of the bytes that are there a read gives: at least `min`. */
  give(min: number, max: number): number {
    return max > min && this.#splits.chance(this.#plan.splitRate) ? this.#splits.between(min, max) : max;
  }

  /** Calls `go` when something can pass again. */
  whenReleased(go: () => void): void {
    this.#waiting.push(go);
  }

  /** Nothing passes until {@link release}; nothing is lost. */
  stall(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /**
   * All packets vanish both ways until {@link heal}. As the two kernels repeat theirs, a connection either goes on
   * after that or is found broken, by chance; one of which an end is gone is always broken.
   */
  halfDead(): void {
    this.#held = true;
  }

  heal(): void {
    if (!this.#held) return;
    for (const sever of [...this.#severed]) sever(true);
    this.release();
  }

  /** Breaks every connection: both ends get CW_LINK_CLOSED, bytes on the way are lost. */
  cut(): void {
    for (const sever of [...this.#severed]) sever(false);
  }

  /** Flips one bit in each of the next `pieces` of data on the way. */
  flipNext(pieces = 1): void {
    this.#flipNext += pieces;
  }

  /** Registers a connection; returns what ends the registration. */
  join(sever: (heal: boolean) => void): () => void {
    this.#severed.push(sever);
    return () => {
      const at = this.#severed.indexOf(sever);
      if (at >= 0) this.#severed.splice(at, 1);
    };
  }
}
