import type { ThreadModule } from '../world/node/world.ts';

/** Where mount_front_thread.ts lies. A bundle has its text here instead. */
export const MOUNT_FRONT_THREAD: ThreadModule = {
  url: new URL('./mount_front_thread.ts', import.meta.url).href,
};
