import { LIMITS } from '../../base/limits.ts';
import type { TreeFile } from '../../tree/files/file_tree.ts';
import type { WbNode } from './nodes.ts';
import type { WriteBack } from './write_back.ts';

/**
 * Changes the content of a file over there, past the journal, with nothing that waits for that file, and with all that was
 * acknowledged before stable here; `pastBytes` is what the file reaches to then. False where `isWanted` says no (any more), the file has no name, or others write to it all
 * the time in a way that waits: then nothing was done. What the far tree throws.
 */
export async function writePast(
  cache: WriteBack,
  node: WbNode,
  isWanted: () => boolean,
  pastBytes: number,
  act: (file: TreeFile) => Promise<void>,
): Promise<boolean> {
  for (let tries = 0; tries < LIMITS.writeBackTriesMax.value; tries += 1) {
    if (!isWanted() || node.near === null) return false;
    if (node.ref !== 0) await cache.sentOn((op) => op.node === node);
    if (node.ref !== 0) continue;
    const { opsMade } = node;
    await cache.sync(); // also that what waited is over there: it would be made once more, over what comes now
    const file = await cache.writableFileOf(node);
    if (file === null) return false;
    const isDone = await inTurnOf(node, async () => {
      const isClear = node.ref === 0 && node.opsMade === opsMade;
      if (!isWanted() || !isClear || node.near === null) return false;
      node.isPast = true;
      node.pastBytes = pastBytes;
      await act(file);
      return true;
    });
    if (isDone) return true;
  }
  return false; // others write to it all the time in a way that waits
}

/** What was written past the journal is stable over there when it resolves; throws what went wrong with it. */
export async function syncPast(node: WbNode): Promise<void> {
  if (!node.isPast) return;
  node.isPast = false;
  try {
    await node.farFile?.file.publish();
  } catch (failure) {
    node.isPast = true;
    throw failure;
  }
}

/** One at a time of: a write past the journal, and the first change of a node that is noted in it. */
export function inTurnOf<T>(node: WbNode, work: () => Promise<T>): Promise<T> {
  const result = node.turn.then(work);
  node.turn = result.catch(() => undefined);
  return result;
}
