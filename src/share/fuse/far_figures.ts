import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { MountFront } from '../../world/mounts.ts';
import type { FarCacheFigures } from './far_cache.ts';
import type { FarRuleSettings } from './far_rule.ts';
import type { KeptBlocks } from './kept_blocks.ts';
import type { LinkedCache } from './linked_mount.ts';

/** The cache of a mount as the thread sees it that has mounted: another one keeps the blocks, and is asked how it fares. */
export class FarFigures implements LinkedCache {
  readonly #front: Pick<MountFront, 'order' | 'ended'>;
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #waiting = new Map<number, (figures: FarCacheFigures) => void>();
  #last: FarCacheFigures;
  #questions = 0;
  #hasEnded = false;

  constructor(
    front: Pick<MountFront, 'order' | 'ended'>,
    { place, cache, governor }: KeptBlocks,
    clock: Pick<Clock, 'sleep'>,
  ) {
    this.#front = front;
    this.#clock = clock;
    this.#last = nothingYet(place.capacityBytes, cache.memoryBytes);
    const leave = governor?.join({
      wishedBytes: cache.memoryBytes,
      set: (limitBytes, pressure) => front.order({ kind: 'memory', limitBytes, pressure }),
    });
    void front.ended.then(() => {
      leave?.();
      this.#hasEnded = true;
      for (const resolve of this.#waiting.values()) resolve(this.#last);
    });
  }

  set rule(rule: FarRuleSettings) {
    if (!this.#hasEnded) this.#front.order({ kind: 'rule', rule });
  }

  /** As they are now; the last ones where the mount has ended, or its disk keeps the thread for LIMITS.cacheAskMs. */
  get figures(): Promise<FarCacheFigures> {
    if (this.#hasEnded) return Promise.resolve(this.#last);
    this.#questions += 1;
    const question = this.#questions;
    const { promise, resolve } = Promise.withResolvers<FarCacheFigures>();
    this.#waiting.set(question, resolve);
    this.#front.order({ kind: 'figures', question });
    return this.#inTime(promise).finally(() => this.#waiting.delete(question));
  }

  async #inTime(answer: Promise<FarCacheFigures>): Promise<FarCacheFigures> {
    const answered = new AbortController();
    const late = this.#clock.sleep(LIMITS.cacheAskMs.value, answered.signal).catch(() => undefined);
    try {
      return (await Promise.race([answer, late])) ?? this.#last;
    } finally {
      answered.abort();
    }
  }

  /** What the thread has answered. */
  told(question: number, figures: object): void {
    this.#last = figures as FarCacheFigures;
    this.#waiting.get(question)?.(this.#last);
  }
}

function nothingYet(capacityBytes: number, memoryLimitBytes: number): FarCacheFigures {
  return {
    state: 'on',
    capacityBytes,
    residentBytes: 0,
    files: 0,
    hits: 0,
    misses: 0,
    evicted: 0,
    damaged: 0,
    bypassed: 0,
    memoryBytes: 0,
    memoryLimitBytes,
    memoryPressurePercent: 0,
    bytesAsked: 0,
    bytesFromCache: 0,
    bytesFetched: 0,
    passed: 0,
    ahead: [],
    reads: [],
  };
}
