import type { Mounts } from '../mounts.ts';
import { openFolderServer } from './folder_server.ts';
import { openKernelMount } from './kernel_mount.ts';
import { openMountFront } from './mount_front.ts';
import type { ThreadModule } from './offload.ts';
import { offersPump } from './pump.ts';

/** FUSE of this machine, with what its threads start with. */
export function createNodeMounts(threads: {
  readonly reading: ThreadModule;
  readonly serving: ThreadModule;
  /** Absent: whoever mounts answers by itself. */
  readonly front?: ThreadModule;
}): Mounts {
  const { front } = threads;
  return {
    mount: (options) => openKernelMount(threads.reading, options),
    ...(front !== undefined && offersPump() && { front: (options) => openMountFront(front, options) }),
    serve: (options, tell) => openFolderServer(threads.serving, options, tell),
  };
}
