import type { ThreadModule } from '../world/node/world.ts';

/** Where mount_serve_thread.ts lies. A bundle has its text here instead. */
export const MOUNT_SERVE_THREAD: ThreadModule = {
  url: new URL('./mount_serve_thread.ts', import.meta.url).href,
};
