import type { MountFront } from '../../world/mounts.ts';
import type { FarCacheFigures } from './far_cache.ts';
import type { KeptBlocks } from './kept_blocks.ts';
import type { LinkedCache } from './linked_mount.ts';

/** The cache of a mount as the thread sees it that has mounted: another one keeps the blocks, and is asked how it fares. */
export class FarFigures implements LinkedCache {
  readonly #front: Pick<MountFront, 'order' | 'ended'>;
  readonly #waiting = new Map<number, (figures: FarCacheFigures) => void>();
  #last: FarCacheFigures;
  #questions = 0;

  constructor(front: Pick<MountFront, 'order' | 'ended'>, { place, cache, governor }: KeptBlocks) {
    this.#front = front;
    this.#last = nothingYet(place.capacityBytes, cache.memoryBytes);
    const leave = governor?.join({
      wishedBytes: cache.memoryBytes,
      set: (limitBytes, pressure) => front.order({ kind: 'memory', limitBytes, pressure }),
    });
    void front.ended.then(() => {
      leave?.();
      for (const resolve of this.#waiting.values()) resolve(this.#last);
      this.#waiting.clear();
    });
  }

  /** As they are now; the last ones where the mount has ended. */
  get figures(): Promise<FarCacheFigures> {
    this.#questions += 1;
    const question = this.#questions;
    const { promise, resolve } = Promise.withResolvers<FarCacheFigures>();
    this.#waiting.set(question, resolve);
    this.#front.order({ kind: 'figures', question });
    return Promise.race([promise, this.#front.ended.then(() => this.#last)]);
  }

  /** What the thread has answered. */
  told(question: number, figures: object): void {
    this.#last = figures as FarCacheFigures;
    this.#waiting.get(question)?.(this.#last);
    this.#waiting.delete(question);
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
