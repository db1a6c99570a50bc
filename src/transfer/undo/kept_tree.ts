import { joinRel, type Name, ROOT_PATH } from '../../base/path.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import { allocatedBytes, removeAll } from '../mirror/subtree.ts';

/** What something that is kept takes from the device: a file, or a folder that a copy has taken away with all in it. */
export async function keptBytes(store: Dir, name: Name, stat: Stat): Promise<number> {
  await using dirs = new DirCache(store);
  return await allocatedBytes(dirs, { path: joinRel(ROOT_PATH, name), stat });
}

/** Removes something that is kept. */
export async function removeKept(store: Dir, name: Name): Promise<void> {
  await using dirs = new DirCache(store);
  await removeAll(dirs, { path: joinRel(ROOT_PATH, name), stat: await store.stat(name) });
}
