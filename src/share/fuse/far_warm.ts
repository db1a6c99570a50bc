import { LIMITS } from '../../base/limits.ts';
import { Prewarm, type PrewarmList } from '../../cache/prediction/prewarm.ts';
import type { WarmBlock, WarmList } from '../../cache/prediction/warm_list.ts';
import type { FileVersion } from '../../cache/store/store_types.ts';
import type { Clock } from '../../world/clock.ts';
import type { FarBlocks } from './far_blocks.ts';

type Kept = Pick<WarmBlock, 'of' | 'block'>;

/**
 * After a start, what was read after the last ones comes from the disk into memory before anybody asks for it, as far as the disk
 * still has that very version of it.
 */
export class FarWarm {
  readonly #blocks: FarBlocks;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly #list: WarmList;
  readonly #known = new Map<number, Kept>();
  readonly #keys = new Map<string, number>();
  /** Null until the list was read. */
  #prewarm: Prewarm | null = null;
  #isClosed = false;

  constructor(blocks: FarBlocks, clock: Pick<Clock, 'monotonicMs' | 'sleep'>, list: WarmList) {
    this.#blocks = blocks;
    this.#clock = clock;
    this.#list = list;
    void this.#start();
  }

  /** Notes a read of a file that is known to be unchanged, from `offset` to `end`. */
  onRead(of: FileVersion, [offset, end]: readonly [number, number]): void {
    const { blockBytes } = this.#blocks.store;
    const nowMs = this.#clock.monotonicMs();
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < end; block += 1)
      this.#prewarm?.onRead(this.#keyOf({ of, block }), this.#blocks.store.sizeOf(of, block), nowMs);
  }

  /** Keeps what was read for the next start; a disk that takes long is not waited for. */
  async close(): Promise<void> {
    if (this.#isClosed || this.#prewarm === null) return;
    this.#isClosed = true;
    const blocks = this.#prewarm.list().flatMap(({ key, weight, afterMs }) => {
      const kept = this.#known.get(key);
      return kept === undefined ? [] : [{ ...kept, weight, afterMs }];
    });
    const saved = new AbortController();
    const late = this.#clock.sleep(LIMITS.cacheAskMs.value, saved.signal).catch(() => undefined);
    await Promise.race([this.#list.save(blocks), late]);
    saved.abort();
    await late;
  }

  async #start(): Promise<void> {
    const before: PrewarmList = (await this.#list.load()).map(({ of, block, weight, afterMs }) => ({
      key: this.#keyOf({ of, block }),
      sizeBytes: this.#blocks.store.sizeOf(of, block),
      weight,
      afterMs,
    }));
    const { memory, store } = this.#blocks;
    const budgetBytes = Math.min(LIMITS.cacheWarmMaxBytes.value, memory.limitBytes / 2);
    const prewarm = new Prewarm({ startMs: this.#clock.monotonicMs(), budgetBytes, before });
    this.#prewarm = prewarm;
    for (const { key } of prewarm.wanted()) {
      if (this.#isClosed) return;
      const { of, block } = this.#known.get(key) as Kept;
      if (store.has(of, block)) await this.#blocks.warm(of, block);
    }
  }

  #keyOf(kept: Kept): number {
    const name = `${kept.of.file} ${kept.of.version} ${kept.block}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = this.#keys.size + 1;
    this.#keys.set(name, key);
    this.#known.set(key, kept);
    return key;
  }
}
