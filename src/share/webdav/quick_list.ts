import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinRel, parseName, type RelPath } from '../../base/path.ts';
import type { TreeFolder, TreeNode } from '../../tree/files/file_tree.ts';
import type { PieceWriter } from './body.ts';
import type { AskedList } from './entry_xml.ts';
import { davListJob, type ListedPage } from './list_job.ts';
import type { Subject } from './live_properties.ts';

/** Adds an entry that takes the longer way. */
export type AddOther = (name: string, node: TreeNode) => Promise<void>;

/**
 * Lists a large folder in a thread, which writes what is sent: while one page is sent, the next one is made. False where
 * nothing was listed, since the folder is small or the tree has no such way.
 */
export async function listQuickly(
  { share, path, node }: Subject,
  asked: AskedList,
  out: PieceWriter,
  addOther: AddOther,
): Promise<boolean> {
  const open = share.links.caps.folder;
  if (open === null || node.sizeBytes <= LIMITS.davSmallFolderBytes.value) return false;
  await using folder = await open(path);
  const first = await nextPage(folder, asked, LIMITS.davListPieceBytes.value);
  if (first === null) return false;
  let next: Promise<ListedPage | null> = Promise.resolve(first);
  try {
    for (let page = await next; page !== null; page = await next) {
      next = page.isEnd ? Promise.resolve(null) : nextPage(folder, asked, LIMITS.davListPageBytes.value);
      next.catch(() => undefined); // awaited with its turn, or below
      await out.pass(page.bytes);
      for (const name of page.others) {
        const found = await nodeUnlessLost(share.links, joinRel(path, parseName(name)));
        if (found !== null) await addOther(name, found);
        if (out.isFull) await out.flush();
      }
    }
  } finally {
    await next.catch(() => undefined); // the folder stays open meanwhile
  }
  return true;
}

function nextPage(
  { dir, offload }: TreeFolder,
  asked: AskedList,
  enoughBytes: number,
): Promise<ListedPage | null> {
  return offload.run(davListJob, { dir, asked, enoughBytes });
}

/** Null for what is gone since, and for a link that leads nowhere or out of the share. */
async function nodeUnlessLost(
  tree: { lookup(path: RelPath): Promise<TreeNode> },
  path: RelPath,
): Promise<TreeNode | null> {
  try {
    return await tree.lookup(path);
  } catch (failure) {
    if (LOST.has(asCausewayError(failure).code)) return null;
    throw failure;
  }
}

const LOST: ReadonlySet<string> = new Set([
  'CW_DISK_NOT_FOUND',
  'CW_DISK_SYMLINK',
  'CW_DISK_NOT_DIRECTORY',
  'CW_DISK_PERMISSION',
  'CW_DISK_NAME',
]);
