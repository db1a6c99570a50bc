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

  async #run(blocks: SealedBlocks, batch: readonly Asked[]): Promise<void> {
    const ended = new AbortController();
    const begun = Promise.withResolvers<'begun'>();
    const tell = (read: SlotRead) => {
      for (const { resolve } of batch) resolve(read);
    };
    this.#watch(tell, begun.promise, ended.signal).catch(() => undefined); // they came in time
    try {
      const what = batch.map((one) => one.what);
      const read = await blocks.read(what, () => begun.resolve('begun'));
      for (const [index, { resolve }] of batch.entries()) resolve(read[index] ?? null);
    } catch (failure) {
      for (const { reject } of batch) reject(failure); // where they were late, nobody waits for it
    } finally {
      ended.abort();
    }
  }

  /** Whoever reads does not wait for a slow disk, and a little longer for a thread that is being started. Rejects at the end. */
  async #watch(tell: (read: SlotRead) => void, begun: Promise<'begun'>, ended: AbortSignal): Promise<void> {
    const { cacheSlowMs, cacheThreadMs } = LIMITS;
    const within = (ms: number) =>
      Promise.race([begun, this.#clock.sleep(ms, ended).then(() => 'waits' as const)]);
    let state = await within(cacheSlowMs.value);
    if (state === 'waits' && this.#held === 0) state = await within(cacheThreadMs.value - cacheSlowMs.value);
    if (state === 'waits') return tell(this.#held > 0 ? 'late' : 'busy');
    await this.#clock.sleep(cacheSlowMs.value, ended);
    this.#held += 1;
    const over = () => {
      this.#held -= 1;
    };
    ended.addEventListener('abort', over, { once: true });
    tell('late');
  }
}
