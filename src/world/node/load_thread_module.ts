import type { ThreadModule } from './offload.ts';

/** Where load_thread.ts lies, which runs as a process. A bundle has its text here instead. */
export const LOAD_THREAD: ThreadModule = { url: new URL('./load_thread.ts', import.meta.url).href };
