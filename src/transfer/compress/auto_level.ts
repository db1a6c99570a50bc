import {
  type IntervalLoad,
  initialLevel,
  type LevelState,
  nextLevel,
} from '../../store/compression/level_controller.ts';
import type { Clock } from '../../world/clock.ts';
import type { SideReading } from '../copy_progress.ts';
import { SideWindow } from '../explain/side_window.ts';
import type { StageMeter } from '../stage_meter.ts';
import type { LevelChoice } from './level_choice.ts';
import { isTold, linkShare } from './link_share.ts';

export interface AutoLevelParts {
  readonly clock: Clock;
  readonly meter: StageMeter;
  /** Messages that may be compressed at the same time. */
  readonly lanes: number;
  /** How the source stands, and the sink as far as it has told. */
  readonly local: () => SideReading;
  readonly remote: () => SideReading | null;
}

/** How often the level is looked at. */
const INTERVAL_MS = 200;
/** Less than this says nothing; slow links get more time. */
const INTERVAL_MIN_BYTES = 256 * 1024;
/** Samples that one look at the level goes by. */
const RATIOS_MAX = 64;

/** Follows what holds the copy up: compression where that is the link, none where it is anything else. */
export class AutoLevel implements LevelChoice {
  readonly isAuto = true;
  readonly #parts: AutoLevelParts;
  readonly #source = new SideWindow();
  readonly #sink = new SideWindow();
  #state: LevelState = initialLevel();
  #sinceMs: number;
  #linkBusyMs = 0;
  #linkBytes = 0;
  #plainBytes = 0;
  /** Messages of an earlier level have gone in this interval: it says nothing of the current one. */
  #isMixed = false;
  #workMs = 0;
  #ratios: number[] = [];

  constructor(parts: AutoLevelParts) {
    this.#parts = parts;
    this.#sinceMs = parts.clock.monotonicMs();
  }

  now(): number {
    this.#look();
    return this.#state.level;
  }

  worked(workMs: number, ratio: number | null): void {
    this.#workMs += workMs;
    if (ratio === null) return;
    this.#ratios.push(ratio);
    if (this.#ratios.length > RATIOS_MAX) this.#ratios.shift();
  }

  sent(plainBytes: number, level: number): void {
    this.#plainBytes += plainBytes;
    if (level !== this.#state.level) this.#isMixed = true;
  }

  /** A rate that was asked for is a link that carries no more. */
  #linkWaitMs(): number {
    const { meter } = this.#parts;
    const busyMs = meter.figures().find(({ stage }) => stage === 'link')?.busyMs ?? 0;
    return busyMs + meter.waitedMs('limit');
  }

  #look(): void {
    const { clock, meter, local, remote } = this.#parts;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < INTERVAL_MS || this.#plainBytes < INTERVAL_MIN_BYTES) return;
    this.#source.add(local());
    const told = remote();
    if (told !== null) this.#sink.add(told);
    const linkBusyMs = this.#linkWaitMs();
    const linkBytes = meter.bytes('link');
    const sides = { source: this.#source.now(), sink: this.#sink.now() };
    const load: IntervalLoad = {
      elapsedMs,
      lanes: this.#parts.lanes,
      linkBusyMs: Math.min(elapsedMs, linkBusyMs - this.#linkBusyMs) * linkShare(sides),
      compressBusyMs: this.#workMs,
      payloadBytes: this.#plainBytes,
      wireBytes: linkBytes - this.#linkBytes,
      sampledRatio: mean(this.#ratios),
    };
    if (!this.#isMixed && isTold(sides, load)) {
      this.#state = nextLevel(this.#state, load);
      this.#ratios = [];
    }
    this.#sinceMs = nowMs;
    this.#linkBusyMs = linkBusyMs;
    this.#linkBytes = linkBytes;
    this.#plainBytes = 0;
    this.#isMixed = false;
    this.#workMs = 0;
  }
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
