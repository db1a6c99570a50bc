import type { Mounts } from '../mounts.ts';
import { openFolderServer } from './folder_server.ts';
import { openKernelMount } from './kernel_mount.ts';
import type { ThreadModule } from './offload.ts';

/** FUSE of this machine, with what its threads start with. */
export function createNodeMounts(threads: {
  readonly reading: ThreadModule;
  readonly serving: ThreadModule;
}): Mounts {
  return {
    mount: (options) => openKernelMount(threads.reading, options),
    serve: (options, tell) => openFolderServer(threads.serving, options, tell),
  };
}
