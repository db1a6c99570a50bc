import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type RelPath, splitRel } from '../../base/path.ts';
import type { FileTree, TreeNode } from '../../tree/files/file_tree.ts';
import type { HttpReply, HttpRequest } from '../../world/http.ts';
import { refuseBody } from './body.ts';
import { checkConditions, checkIf, checkLocks, nodeAt } from './conditions.ts';
import { answer, type DavCall } from './context.ts';
import { etagOf } from './etag.ts';
import { DavFailure } from './failure.ts';

/** What ownCloud's clients and rclone send for the time of a file, in seconds since 1970. */
const MTIME_HEADER = 'x-oc-mtime';

/** PUT: the whole new content takes the name in one step, flushed, or nothing has changed. */
export async function put(call: DavCall): Promise<void> {
  const { share, place, request, reply } = call;
  if (place.isFolder) throw new DavFailure(405, 'the URL of a file has no slash at its end');
  // a server that took the part for the whole would destroy the rest (RFC 9110 section 14.5)
  if (request.header('content-range') !== null) throw new DavFailure(400, 'a part of a file cannot be put');
  await checkAll(call);
  const mtime = mtimeOf(request.header(MTIME_HEADER));
  const size = sizeOf(request);
  if (size !== null && share.tree.caps.putFile !== undefined) return putSmall(call, size, mtime);
  await using file = await share.tree.open(place.path, 'replace');
  let sizeBytes = 0;
  for await (const bytes of request.body) {
    await file.write(bytes, sizeBytes);
    sizeBytes += bytes.byteLength;
  }
  const { isNew, node } = await share.turns.run(place.path, async () => {
    // what was right before the upload may not be any more
    const before = await checkAll(call);
    const published = await file.publish();
    const stamped = mtime === null ? published : await share.tree.setAttrs(place.path, { mtimeNs: mtime });
    return { isNew: before === null, node: stamped };
  });
  await answerPut(reply, { isNew, node, mtime });
}

/** What is known of a file that stands under its name. */
interface Put {
  readonly isNew: boolean;
  readonly node: TreeNode;
  readonly mtime: bigint | null;
}

function answerPut(reply: HttpReply, { isNew, node, mtime }: Put): Promise<void> {
  const accepted: Record<string, string> = mtime === null ? {} : { [MTIME_HEADER]: 'accepted' };
  return answer(reply, isNew ? 201 : 204, { etag: etagOf(node), ...accepted });
}

/** The length of a body that is told and small; null for any other. */
function sizeOf(request: HttpRequest): number | null {
  const text = request.header('content-length') ?? '';
  const size = /^\d{1,9}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return size <= LIMITS.treePutBytes.value ? size : null;
}

async function putSmall(call: DavCall, sizeBytes: number, mtime: bigint | null): Promise<void> {
  const { share, place, request, reply } = call;
  const bytes = new Uint8Array(sizeBytes);
  let filled = 0;
  for await (const piece of request.body) {
    bytes.set(piece, filled);
    filled += piece.byteLength;
  }
  const put = await share.turns.run(place.path, async () => {
    // what was right before the upload may not be any more
    const before = await checkAll(call);
    const node =
      (await share.tree.caps.putFile?.(place.path, bytes, mtime)) ??
      (await putByTree(share.tree, place.path, bytes, mtime));
    return { isNew: before === null, node, mtime };
  });
  await answerPut(reply, put);
}

async function putByTree(
  tree: FileTree,
  path: RelPath,
  bytes: Uint8Array,
  mtimeNs: bigint | null,
): Promise<TreeNode> {
  await using file = await tree.open(path, 'replace');
  await file.write(bytes, 0);
  const published = await file.publish();
  return mtimeNs === null ? published : tree.setAttrs(path, { mtimeNs });
}

/** Conditions and locks; what stands there. */
async function checkAll(call: DavCall): Promise<TreeNode | null> {
  const { place } = call;
  const node = await nodeAfterParents(call);
  if (node !== null && node.kind === 'directory') throw new DavFailure(405, 'a folder is there');
  await checkIf(call);
  checkConditions(call, node);
  checkLocks(call, place.path, { member: node === null });
  return node;
}

/** Null where nothing is there and something may be put there: 409 without its folder. */
export async function nodeAfterParents({ share, place }: DavCall): Promise<TreeNode | null> {
  const node = await nodeAt(share.tree, place.path).catch((failure) => {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_DIRECTORY') throw failure;
    throw new DavFailure(409, 'a part of the path is no folder');
  });
  if (node !== null) return node;
  const parent = await nodeAt(share.tree, splitRel(place.path).parent);
  if (parent === null || parent.kind !== 'directory')
    throw new DavFailure(409, 'the folder for it is not there');
  return null;
}

function mtimeOf(text: string | null): bigint | null {
  const seconds = /^\d{1,11}(\.\d{1,9})?$/.test(text?.trim() ?? '') ? Number(text) : null;
  return seconds === null ? null : BigInt(Math.round(seconds * 1e6)) * 1_000n;
}

/** MKCOL: 405 where something is there, 409 without the folder above, 415 with a body. */
export async function makeFolder(call: DavCall): Promise<void> {
  const { share, place, request, reply } = call;
  await refuseBody(request);
  await checkIf(call);
  if ((await nodeAfterParents(call)) !== null) throw new DavFailure(405, 'something is there already');
  checkLocks(call, place.path, { member: true });
  try {
    await share.tree.create(place.path, { kind: 'directory' });
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
    throw new DavFailure(405, 'something is there already');
  }
  await answer(reply, 201);
}
