import { asCausewayError } from '../../base/errors.ts';
import { type RelPath, splitRel } from '../../base/path.ts';
import type { TreeNode } from '../../tree/files/file_tree.ts';
import { checkConditions, checkIf, checkLocks, nodeAt } from './conditions.ts';
import { answer, type DavCall, depthOf, destinationOf, mayOverwrite } from './context.ts';
import { DavFailure } from './failure.ts';
import { failedXml, MULTISTATUS_END, MULTISTATUS_HEAD, XML_TYPE } from './multistatus.ts';
import { copyAll, removeAll, type Undone } from './subtree.ts';

/** DELETE: everything below too; what stays is listed. */
export async function remove(call: DavCall): Promise<void> {
  const { share, place } = call;
  const { tree, locks } = share;
  if (place.path === '') throw new DavFailure(403, 'the share itself stays');
  await checkIf(call);
  const node = await tree.lookup(place.path);
  if (node.kind === 'directory') depthOf(call, ['infinity'], 'infinity');
  checkConditions(call, node);
  checkLocks(call, place.path, { deep: true, member: true });
  const undone = await removeAll(tree, place.path, node.kind === 'directory');
  if (undone.length === 0) locks.removeBelow(place.path);
  await finish(call, undone, 204);
}

/** COPY. 201 for a new name, 204 where something was replaced. */
export async function copy(call: DavCall): Promise<void> {
  const { share, place } = call;
  const depth = depthOf(call, [0, 'infinity'], 'infinity');
  const target = await prepare(call, false);
  const isPlain = target.source.kind === 'file' && target.replaced?.kind === 'file';
  if (target.replaced && !isPlain) {
    const undone = await clear(call, target.path);
    if (undone.length > 0) return finish(call, undone, 0);
  }
  if (target.replaced) share.locks.removeBelow(target.path);
  const left = await copyAll(share.tree, place.path, target.path, depth !== 0);
  await finish(call, left, target.replaced ? 204 : 201);
}

/** MOVE: a rename, so that no one ever sees half of it; only between file systems a copy and a removal. */
export async function move(call: DavCall): Promise<void> {
  const { share, place } = call;
  const { locks } = share;
  if (place.path === '') throw new DavFailure(403, 'the share itself stays');
  const target = await prepare(call, true);
  if (target.source.kind === 'directory') depthOf(call, ['infinity'], 'infinity');
  const isPlain = target.source.kind === 'file' && target.replaced?.kind === 'file';
  if (target.replaced && !isPlain) {
    const undone = await clear(call, target.path);
    if (undone.length > 0) return finish(call, undone, 0);
  }
  const undone = await moveTree(call, target.path, isPlain);
  if (undone.length === 0) locks.removeBelow(place.path);
  locks.removeBelow(target.path);
  await finish(call, undone, target.replaced ? 204 : 201);
}

async function moveTree({ share, place }: DavCall, to: RelPath, replace: boolean): Promise<Undone[]> {
  try {
    await share.turns.run(to, () => share.tree.rename(place.path, to, { replace }));
    return [];
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_CROSS_DEVICE') throw failure;
  }
  const { kind } = await share.tree.lookup(place.path);
  const undone = await copyAll(share.tree, place.path, to, true);
  return undone.length > 0 ? undone : removeAll(share.tree, place.path, kind === 'directory');
}

interface Target {
  readonly path: RelPath;
  readonly source: TreeNode;
  readonly replaced: TreeNode | null;
}

/** Everything that can be refused, before anything is changed. */
async function prepare(call: DavCall, isMove: boolean): Promise<Target> {
  const { share, place } = call;
  const path = await destinationOf(call);
  const overwrite = mayOverwrite(call);
  await checkIf(call);
  const source = await share.tree.lookup(place.path);
  checkConditions(call, source);
  if (path === place.path) throw new DavFailure(403, 'source and destination are the same');
  if (path === '' || place.path.startsWith(`${path}/`))
    throw new DavFailure(403, 'the source is a part of what would be replaced');
  if (source.kind === 'directory' && (place.path === '' || path.startsWith(`${place.path}/`)))
    throw new DavFailure(403, 'a folder cannot go into itself');
  const parent = await nodeAt(share.tree, splitRel(path).parent);
  if (parent === null || parent.kind !== 'directory')
    throw new DavFailure(409, 'the folder for it is not there');
  const replaced = await nodeAt(share.tree, path);
  if (replaced !== null && !overwrite) throw new DavFailure(412, 'something is there already');
  if (replaced !== null && replaced.id === source.id)
    throw new DavFailure(403, 'source and destination are the same');
  if (isMove) checkLocks(call, place.path, { deep: true, member: true });
  checkLocks(call, path, { deep: true, member: replaced === null || isMove });
  return { path, source, replaced };
}

/** Removes what is replaced. */
async function clear({ share }: DavCall, path: RelPath): Promise<Undone[]> {
  const { kind } = await share.tree.lookup(path);
  return removeAll(share.tree, path, kind === 'directory');
}

async function finish(
  { share, reply, place, leave }: DavCall,
  undone: readonly Undone[],
  status: number,
): Promise<void> {
  if (undone.length === 0) return answer(reply, status);
  const [first] = undone;
  if (undone.length === 1 && first?.path === place.path)
    throw new DavFailure(first.status, 'this cannot be changed');
  leave(undone.length);
  const responses = undone.map((one) => failedXml(share.prefix, one.path, one.status)).join('');
  const body = Buffer.from(MULTISTATUS_HEAD + responses + MULTISTATUS_END);
  reply.begin(207, { 'content-type': XML_TYPE, 'content-length': String(body.byteLength) });
  await reply.write(body);
  await reply.end();
}
