import type { ThreadModule } from '../world/node/world.ts';

/** Where mount_side_thread.ts lies. A bundle has its text here instead. */
export const MOUNT_SIDE_THREAD: ThreadModule = {
  url: new URL('./mount_side_thread.ts', import.meta.url).href,
};
