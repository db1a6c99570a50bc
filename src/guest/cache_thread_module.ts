import type { ThreadModule } from '../world/node/world.ts';

/** Where cache_thread.ts lies. A bundle has its text here instead. */
export const CACHE_THREAD: ThreadModule = { url: new URL('./cache_thread.ts', import.meta.url).href };
