import type { StageFigure } from '../wire/copy_types.ts';
import { STAGES, type Stage } from '../wire/stages.ts';
import type { Clock } from '../world/clock.ts';
import { IdleTime, type Wait } from './idle_time.ts';

interface Slot {
  bytes: number;
  busyMs: number;
  active: number;
  /** Start of the current stretch in which at least one operation runs. */
  busySinceMs: number;
  /** Time of the stretch's operations, summed, and how much of it went into hashing. */
  operationMs: number;
  hashMs: number;
  /** Of the time of the last stretch, what went into hashing, 0 to 1: as long as no operation of this one has ended, it is taken to be the same. */
  lastShare: number;
  /** Starts of the running operations, oldest first. */
  readonly starts: number[];
}

/** Counts bytes, busy time and unfinished operations of each stage on one side of a copy. */
export class StageMeter {
  readonly #clock: Clock;
  readonly #slots = new Map<Stage, Slot>(
    STAGES.map((stage) => [
      stage,
      { bytes: 0, busyMs: 0, active: 0, busySinceMs: 0, operationMs: 0, hashMs: 0, lastShare: 0, starts: [] },
    ]),
  );
  readonly #idle: IdleTime;
  #lastMoveMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#idle = new IdleTime(clock);
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

  /** Like {@link run} for an operation that hashes its bytes in the same go; `hashMs` gives how long that took. */
  async runHashing<T>(
    stage: Stage,
    bytes: number,
    work: (moved: (bytes: number) => void) => Promise<T>,
    hashMs: (result: T) => number,
  ): Promise<T> {
    return this.run(stage, bytes, async (moved) => {
      const result = await work(moved);
      const durationMs = hashMs(result);
      this.#slots.get(stage)!.hashMs += durationMs;
      if (durationMs > 0) this.moved('hash', bytes);
      return result;
    });
  }

  enter(stage: Stage): number {
    const slot = this.#slots.get(stage)!;
    const now = this.#clock.monotonicMs();
    if (slot.active === 0) slot.busySinceMs = now;
    slot.active += 1;
    slot.starts.push(now);
    this.#idle.begin(stage);
    return now;
  }

  leave(stage: Stage, startedMs: number, movedBytes: number): void {
    const slot = this.#slots.get(stage)!;
    const now = this.#clock.monotonicMs();
    slot.active -= 1;
    this.#idle.end(stage);
    slot.starts.splice(slot.starts.indexOf(startedMs), 1);
    slot.operationMs += now - startedMs;
    if (slot.active === 0) {
      const { ownMs, hashMs } = divide(slot, now);
      slot.busyMs += ownMs;
      this.#slots.get('hash')!.busyMs += hashMs;
      slot.lastShare = shareOf(slot);
      slot.operationMs = 0;
      slot.hashMs = 0;
    }
    this.moved(stage, movedBytes);
  }

  /** Bytes that moved inside a longer operation: they reset the stall clock. */
  moved(stage: Stage, bytes: number): void {
    if (bytes <= 0) return;
    this.#slots.get(stage)!.bytes += bytes;
    this.#lastMoveMs = this.#clock.monotonicMs();
  }

  /** Something went on that moves no bytes: a folder was looked at, or this side waits because it was told to go slowly. */
  goesOn(): void {
    this.#lastMoveMs = this.#clock.monotonicMs();
  }

  /** Waits for something that is no stage; `limit` is a wait that was asked for, so that it is no stall. */
  async wait<T>(wait: Wait, work: () => Promise<T>): Promise<T> {
    this.#idle.begin(wait);
    try {
      return await work();
    } finally {
      this.#idle.end(wait);
    }
  }

  waitedMs(wait: Wait): number {
    return this.#idle.waitedMs(wait);
  }

  /** For how long no byte has moved and nothing was waited for on purpose, in ms. */
  quietMs(): number {
    return this.#clock.monotonicMs() - this.#lastMoveMs;
  }

  bytes(stage: Stage): number {
    return this.#slots.get(stage)!.bytes;
  }

  figures(): StageFigure[] {
    const now = this.#clock.monotonicMs();
    const stretches = new Map<Stage, Stretch>();
    for (const [stage, slot] of this.#slots) if (slot.active > 0) stretches.set(stage, divide(slot, now));
    const runningHashMs = [...stretches.values()].reduce((sum, { hashMs }) => sum + hashMs, 0);
    const figures: StageFigure[] = [];
    for (const [stage, slot] of this.#slots) {
      if (slot.bytes === 0 && slot.active === 0 && slot.busyMs === 0) continue;
      const ownMs = (stretches.get(stage)?.ownMs ?? 0) + (stage === 'hash' ? runningHashMs : 0);
      const { starvedMs, blockedMs } = stage === 'hash' ? this.#hashIdle(stretches) : this.#idle.of(stage);
      figures.push({
        stage,
        bytes: slot.bytes,
        busyMs: Math.round(slot.busyMs + ownMs),
        activeMs: Math.round(slot.active > 0 ? now - slot.starts[0]! : 0),
        starvedMs: Math.round(starvedMs),
        blockedMs: Math.round(blockedMs),
      });
    }
    return figures;
  }

  /** Hashing runs inside of another stage: it waits while that one reads or writes, and while that one waits. */
  #hashIdle(stretches: ReadonlyMap<Stage, Stretch>): { starvedMs: number; blockedMs: number } {
    const isSource = this.#slots.get('sourceRead')!.bytes > 0;
    const host: Stage = isSource ? 'sourceRead' : 'destinationWrite';
    const { starvedMs, blockedMs } = this.#idle.of(host);
    const hostMs = this.#slots.get(host)!.busyMs + (stretches.get(host)?.ownMs ?? 0);
    return isSource
      ? { starvedMs: starvedMs + hostMs, blockedMs }
      : { starvedMs, blockedMs: blockedMs + hostMs };
  }
}

interface Stretch {
  readonly ownMs: number;
  readonly hashMs: number;
}

/** The current stretch: its operations overlap, so that its length is divided as their times are. */
function divide(slot: Slot, nowMs: number): Stretch {
  const lengthMs = nowMs - slot.busySinceMs;
  const share = shareOf(slot);
  return { ownMs: lengthMs * (1 - share), hashMs: lengthMs * share };
}

function shareOf({ operationMs, hashMs, lastShare }: Slot): number {
  return operationMs > 0 ? Math.min(1, hashMs / operationMs) : lastShare;
}
