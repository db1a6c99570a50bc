import type { ThreadModule } from '../world/node/world.ts';

/** Where disk_thread.ts lies. A bundle has its text here instead. */
export const DISK_THREAD: ThreadModule = { url: new URL('./disk_thread.ts', import.meta.url).href };
