import { LIMITS } from '../../base/limits.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, DirEntry } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import type { TreeEntry } from './file_tree.ts';
import { nodeOf } from './local_node.ts';
import { isPrivateName } from './names.ts';
import { statNamesJob, statUnlessGone, unpackNode } from './stat_names_job.ts';

/** So many at first, so that the first answer comes soon; and so few are looked at without a thread, which may have to start. */
const FIRST_PAGE = 32;

/**
 * All entries of an open folder, page by page: while the nodes of one page are looked at in a thread and those of the page
 * before are worked on, names of the next are read. A folder of any size takes the memory of a few pages.
 */
export async function* listFolder(dir: Dir, offload: Offload): AsyncGenerator<readonly TreeEntry[]> {
  const names = dir.list()[Symbol.asyncIterator]();
  let size = FIRST_PAGE;
  let looking: Promise<TreeEntry[]> | null = null;
  try {
    for (;;) {
      const page = await nextNames(names, size);
      size = LIMITS.treePageNames.value;
      const before: Promise<TreeEntry[]> | null = looking;
      looking = page.length === 0 ? null : look(dir, page, offload);
      looking?.catch(() => undefined); // thrown when its turn comes, or the listing was given up
      if (before !== null) yield await before;
      if (looking === null) return;
    }
  } finally {
    await looking?.catch(() => undefined); // the folder stays open meanwhile
    await names.return?.();
  }
}

async function nextNames(entries: AsyncIterator<DirEntry>, count: number): Promise<Name[]> {
  const page: Name[] = [];
  while (page.length < count) {
    const { done, value } = await entries.next();
    if (done === true) break;
    if (value.name !== null && !isPrivateName(value.name)) page.push(value.name);
  }
  return page;
}

async function look(dir: Dir, names: readonly Name[], offload: Offload): Promise<TreeEntry[]> {
  if (names.length <= FIRST_PAGE) return lookHere(dir, names);
  const packed = await offload.run(statNamesJob, { dir, names });
  return names.flatMap((name, index) => {
    const node = unpackNode(packed, index);
    return node === null ? [] : [{ name, node }];
  });
}

async function lookHere(dir: Dir, names: readonly Name[]): Promise<TreeEntry[]> {
  const stats = await Promise.all(names.map((name) => statUnlessGone(dir, name)));
  return names.flatMap((name, index) => {
    const stat = stats[index] ?? null;
    return stat === null ? [] : [{ name, node: nodeOf(stat) }];
  });
}
