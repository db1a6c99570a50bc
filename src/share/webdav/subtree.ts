import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinRel, type Name, namesOf, type RelPath } from '../../base/path.ts';
import type { FileTree } from '../../tree/files/file_tree.ts';
import { readDead, writeDead } from './dead_properties.ts';
import { asDavFailure, DavFailure } from './failure.ts';

/** What of a whole folder could not be done. */
export interface Undone {
  readonly path: RelPath;
  readonly status: number;
}

/**
 * Removes what stands there with everything below. What cannot be removed stays with the folders above it and is listed;
 * the rest goes. Links go themselves, not what they lead to.
 */
export async function removeAll(tree: FileTree, path: RelPath, isFolder: boolean): Promise<Undone[]> {
  const undone: Undone[] = [];
  await removeBelow(tree, path, isFolder, undone);
  return undone;
}

async function removeBelow(
  tree: FileTree,
  path: RelPath,
  isFolder: boolean,
  undone: Undone[],
): Promise<void> {
  const failedBefore = undone.length;
  if (isFolder) checkDepth(path);
  for (let pass = 1; ; pass += 1) {
    const removed = isFolder ? await removeMembers(tree, path, undone) : 0;
    if (isFolder && undone.length > failedBefore) return; // a folder that keeps something stays, which its members explain
    try {
      return await tree.remove(path);
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_DISK_NOT_FOUND') return;
      // a list may pass over names while others go, and somebody may make new ones
      if (code === 'CW_DISK_NOT_EMPTY' && removed > 0 && pass < LIMITS.davRemovePassesMax.value) continue;
      undone.push({ path, status: asDavFailure(failure).status });
      return;
    }
  }
}

/** A page at a time, so that a folder of any size takes the same memory. How many were there. */
async function removeMembers(tree: FileTree, path: RelPath, undone: Undone[]): Promise<number> {
  let count = 0;
  for await (const page of tree.list(path)) {
    count += page.length;
    const folders = page.filter(({ node }) => node.kind === 'directory');
    for (const { name } of folders) await removeBelow(tree, joinRel(path, name), true, undone);
    const all = page.filter(({ node }) => node.kind !== 'directory').map(({ name }) => name);
    const files = await removeTogether(tree, path, all);
    // each is flushed, and the flushes of several cost as much as one
    for (let at = 0; at < files.length; at += LIMITS.davRemovesAtOnce.value) {
      const some = files.slice(at, at + LIMITS.davRemovesAtOnce.value);
      await Promise.all(some.map((name) => removeBelow(tree, joinRel(path, name), false, undone)));
    }
  }
  return count;
}

/** Some at a time, so that others have their turns between. What is left, to be removed one by one. */
async function removeTogether(
  tree: FileTree,
  path: RelPath,
  names: readonly Name[],
): Promise<readonly Name[]> {
  const { removeFiles } = tree.caps;
  if (removeFiles === undefined || names.length < 2) return names;
  const gone = new Set<Name>();
  for (let at = 0; at < names.length; at += LIMITS.treeRemovesTogether.value) {
    const some = names.slice(at, at + LIMITS.treeRemovesTogether.value);
    try {
      for (const name of await removeFiles(path, some)) gone.add(name);
    } catch (failure) {
      asCausewayError(failure); // each of them is tried, and tells why
      break;
    }
  }
  return names.filter((name) => !gone.has(name));
}

/** Copies a file, or a folder with (`deep`) or without what is below. Members that cannot be copied are listed. */
export async function copyAll(tree: FileTree, from: RelPath, to: RelPath, deep: boolean): Promise<Undone[]> {
  const undone: Undone[] = [];
  const { kind } = await tree.lookup(from);
  if (kind === 'directory') await copyFolder(tree, from, to, deep, undone);
  else await copyFile(tree, from, to);
  return undone;
}

async function copyFolder(
  tree: FileTree,
  from: RelPath,
  to: RelPath,
  deep: boolean,
  undone: Undone[],
): Promise<void> {
  checkDepth(to);
  await tree.create(to, { kind: 'directory' });
  await copyProperties(tree, from, to);
  if (!deep) return;
  for await (const page of tree.list(from))
    for (const { name, node } of page) {
      const target = joinRel(to, name);
      try {
        if (node.kind === 'directory') await copyFolder(tree, joinRel(from, name), target, true, undone);
        else if (node.kind === 'file') await copyFile(tree, joinRel(from, name), target);
        else if (node.kind === 'symlink') await copyLink(tree, joinRel(from, name), target);
      } catch (failure) {
        undone.push({ path: target, status: asDavFailure(failure).status });
      }
    }
}

/** A link stays one, with the same text: what it leads to is decided when it is followed. */
async function copyLink(tree: FileTree, from: RelPath, to: RelPath): Promise<void> {
  const { target } = await tree.lookup(from);
  if (target !== null) await tree.create(to, { kind: 'symlink', target });
}

async function copyFile(tree: FileTree, from: RelPath, to: RelPath): Promise<void> {
  await using source = await tree.open(from, 'read');
  await using target = await tree.open(to, 'replace');
  const { sizeBytes } = await source.node();
  const buffer = new Uint8Array(Math.max(1, Math.min(LIMITS.davPieceBytes.value, sizeBytes)));
  for (let at = 0; ; ) {
    const count = await source.read(buffer, at);
    if (count === 0) break;
    await target.write(buffer.subarray(0, count), at);
    at += count;
  }
  await target.publish();
  await copyProperties(tree, from, to);
}

async function copyProperties(tree: FileTree, from: RelPath, to: RelPath): Promise<void> {
  const properties = await readDead(tree, from);
  if (properties.length > 0 || (await readDead(tree, to)).length > 0) await writeDead(tree, to, properties);
}

function checkDepth(path: RelPath): void {
  if (namesOf(path).length > LIMITS.davCopyDepthMax.value)
    throw new DavFailure(507, 'the folders are nested too deep');
}
