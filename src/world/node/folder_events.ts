import type { FolderEvents } from '../folder_events.ts';
import { INOTIFY, InotifyQueue } from './inotify_queue.ts';
import { SystemCallError } from './syscalls.ts';

const RENAMED = INOTIFY.movedFrom | INOTIFY.movedTo | INOTIFY.create | INOTIFY.delete;
const WANTED = RENAMED | INOTIFY.modify | INOTIFY.attributes | INOTIFY.onlyFolders | INOTIFY.notOfNameless;
const LOST = INOTIFY.overflow | INOTIFY.unmounted;

/** Null where this machine has no such thing, or all there are of it are in use: then nothing is heard of. */
export function openFolderEvents(): FolderEvents | null {
  try {
    const queue = InotifyQueue.open();
    return queue === null ? null : eventsOf(queue);
  } catch (failure) {
    if (failure instanceof SystemCallError) return null;
    throw failure;
  }
}

function eventsOf(queue: InotifyQueue): FolderEvents {
  return {
    add: (folderFd) => queue.add(folderFd, WANTED),
    remove: (watch) => queue.remove(watch),
    take: (each) => {
      let isWhole = true;
      const isRead = queue.take((watch, mask, name) => {
        const has = (bits: number) => (mask & bits) !== 0;
        if (has(LOST)) isWhole = false;
        else
          each({
            watch,
            name: Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1'),
            isRenamed: has(RENAMED),
            isMovedIn: has(INOTIFY.movedTo),
            isWritten: has(INOTIFY.modify),
            isAttributes: has(INOTIFY.attributes),
            isEnd: has(INOTIFY.ended),
          });
      });
      return isRead && isWhole;
    },
    close: () => queue.close(),
  };
}
