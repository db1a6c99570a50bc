import type { ThreadModule } from '../world/node/world.ts';

/** Where mount_read_thread.ts lies. A bundle has its text here instead. */
export const MOUNT_READ_THREAD: ThreadModule = {
  url: new URL('./mount_read_thread.ts', import.meta.url).href,
};
