import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { SealedBlocks, SizedBlock } from './sealed_blocks.ts';

/** `late`: the disk takes longer than anybody waits for it; `busy`: no thread has got to it in that time. */
export type SlotRead = Uint8Array | null | 'late' | 'busy';

interface Asked {
  readonly what: SizedBlock;
  readonly blocks: SealedBlocks;
  readonly resolve: (read: SlotRead) => void;
  readonly reject: (failure: unknown) => void;
}

/** Blocks that are asked for at one moment are read together, a few of them at a time. */
export class SlotReads {
  readonly #clock: Pick<Clock, 'sleep'>;
  #asked: Asked[] = [];
  /** Batches that a disk takes too long for, now. */
  #held = 0;

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  /** As {@link SealedBlocks.read}, of one block. */
  read(blocks: SealedBlocks, what: SizedBlock): Promise<SlotRead> {
    const { promise, resolve, reject } = Promise.withResolvers<SlotRead>();
    this.#asked.push({ what, blocks, resolve, reject });
    if (this.#asked.length === 1) queueMicrotask(() => this.#begin());
    return promise;
  }

  #begin(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let at = 0; at < asked.length; ) {
      const { blocks } = asked[at] as Asked;
      const batch = asked.slice(at, at + LIMITS.cacheBatchBlocks.value);
      const others = batch.findIndex((one) => one.blocks !== blocks);
      if (others > 0) batch.length = others;
      at += batch.length;
      void this.#run(blocks, batch);
    }
  }

  /** Whoever reads does not wait for a slow disk. */
  async #run(blocks: SealedBlocks, batch: readonly Asked[]): Promise<void> {
    const enough = new AbortController();
    let hasBegun = false;
    let isHeld = false;
    this.#clock.sleep(LIMITS.cacheSlowMs.value, enough.signal).then(
      () => {
        isHeld = hasBegun;
        if (isHeld) this.#held += 1;
        for (const { resolve } of batch) resolve(this.#held > 0 ? 'late' : 'busy');
      },
      () => undefined, // they came in time
    );
    try {
      const begun = () => {
        hasBegun = true;
      };
      const what = batch.map((one) => one.what);
      const read = await blocks.read(what, begun);
      for (const [index, { resolve }] of batch.entries()) resolve(read[index] ?? null);
    } catch (failure) {
      for (const { reject } of batch) reject(failure); // where they were late, nobody waits for it
    } finally {
      enough.abort();
      if (isHeld) this.#held -= 1;
    }
  }
}
