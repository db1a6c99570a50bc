import type { StageFigure } from '../wire/copy_types.ts';
import { STAGES, type Stage } from '../wire/stages.ts';
import type { Clock } from '../world/clock.ts';

interface Slot {
  bytes: number;
  busyMs: number;
  active: number;
  /** Start of the current stretch in which at least one operation runs. */
  busySinceMs: number;
  /** Starts of the running operations, oldest first. */
  readonly starts: number[];
}

/** Counts bytes, busy time and unfinished operations of each stage on one side of a copy. */
export class StageMeter {
  readonly #clock: Clock;
  readonly #slots = new Map<Stage, Slot>(
    STAGES.map((stage) => [stage, { bytes: 0, busyMs: 0, active: 0, busySinceMs: 0, starts: [] }]),
  );
  #lastMoveMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMoveMs = clock.monotonicMs();
  }

  /** When a stage of this side last moved a byte, on the monotonic clock. */
  get lastMoveMs(): number {
    return this.#lastMoveMs;
  }

  /**
   * Runs one operation of a stage. `bytes` counts once it has succeeded; what the operation tells by `moved` counts at
   * once and is part of them, so that a long operation on a slow device shows that it moves.
   */
  async run<T>(
    stage: Stage,
    bytes: number,
    work: (moved: (bytes: number) => void) => Promise<T>,
  ): Promise<T> {
    const started = this.enter(stage);
    let told = 0;
    let rest = 0;
    try {
      const result = await work((count) => {
        told += count;
        this.moved(stage, count);
      });
      rest = Math.max(0, bytes - told);
      return result;
    } finally {
      this.leave(stage, started, rest);
    }
  }

  enter(stage: Stage): number {
    const slot = this.#slots.get(stage)!;
    const now = this.#clock.monotonicMs();
    if (slot.active === 0) slot.busySinceMs = now;
    slot.active += 1;
    slot.starts.push(now);
    return now;
  }

  leave(stage: Stage, startedMs: number, movedBytes: number): void {
    const slot = this.#slots.get(stage)!;
    const now = this.#clock.monotonicMs();
    slot.active -= 1;
    slot.starts.splice(slot.starts.indexOf(startedMs), 1);
    if (slot.active === 0) slot.busyMs += now - slot.busySinceMs;
    this.moved(stage, movedBytes);
  }

  /** Bytes that moved inside a longer operation: they reset the stall clock. */
  moved(stage: Stage, bytes: number): void {
    if (bytes <= 0) return;
    this.#slots.get(stage)!.bytes += bytes;
    this.#lastMoveMs = this.#clock.monotonicMs();
  }

  bytes(stage: Stage): number {
    return this.#slots.get(stage)!.bytes;
  }

  figures(): StageFigure[] {
    const now = this.#clock.monotonicMs();
    const figures: StageFigure[] = [];
    for (const [stage, slot] of this.#slots) {
      if (slot.bytes === 0 && slot.active === 0 && slot.busyMs === 0) continue;
      figures.push({
        stage,
        bytes: slot.bytes,
        busyMs: Math.round(slot.busyMs + (slot.active > 0 ? now - slot.busySinceMs : 0)),
        activeMs: Math.round(slot.active > 0 ? now - slot.starts[0]! : 0),
      });
    }
    return figures;
  }
}
