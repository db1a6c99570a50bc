import type { ThreadModule } from '../world/node/world.ts';

/** Where lane_thread.ts lies. A bundle has its text here instead. */
export const LANE_THREAD: ThreadModule = { url: new URL('./lane_thread.ts', import.meta.url).href };
