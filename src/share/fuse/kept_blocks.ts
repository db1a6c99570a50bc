import type { Blocks, StorePlace } from '../../cache/store/store_types.ts';
import type { FarCacheOptions } from './far_cache.ts';

/** What a mount is to keep of what is read, in whichever thread that is done. */
export interface KeptBlocks {
  readonly place: StorePlace;
  readonly cache: Pick<FarCacheOptions, 'keepsPages' | 'memoryBytes' | 'rule'>;
  /** Whom memory is wished of; null: it is so, whatever there is. */
  readonly governor: FarCacheOptions['governor'];
  /** Opens them in this thread. */
  open(): Promise<Blocks>;
}
