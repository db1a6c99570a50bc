import { asCausewayError } from '../../base/errors.ts';
import { type RelPath, splitRel } from '../../base/path.ts';
import type { FileTree, TreeNode } from '../../tree/files/file_tree.ts';
import type { DavCall } from './context.ts';
import { etagOf } from './etag.ts';
import { DavFailure } from './failure.ts';
import { parseHttpDate } from './http_date.ts';
import { type IfCondition, tokensOf } from './if_header.ts';
import { hrefOf, pathOfTarget, placeOf } from './paths.ts';

/** What stands there; null for nothing. */
export async function nodeAt(tree: FileTree, path: RelPath): Promise<TreeNode | null> {
  try {
    return await tree.lookup(path);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}

/** The conditional headers of RFC 9110 section 13: 412, or 304 for a look at what the client has. */
export function checkConditions({ request }: DavCall, node: TreeNode | null): void {
  const etagNow = () => (node === null || node.kind !== 'file' ? null : etagOf(node));
  const isLook = request.method === 'GET' || request.method === 'HEAD';
  const ifMatch = request.header('if-match');
  const modified = node === null ? null : Number(node.mtimeNs / 1_000_000_000n);
  if (ifMatch !== null) {
    if (!matches(ifMatch, etagNow(), node !== null, false))
      throw new DavFailure(412, 'this has another version');
  } else {
    const since = dateOf(request.header('if-unmodified-since'));
    if (since !== null && modified !== null && modified > since)
      throw new DavFailure(412, 'this was changed since');
  }
  const ifNoneMatch = request.header('if-none-match');
  if (ifNoneMatch !== null) {
    const etag = etagNow();
    if (!matches(ifNoneMatch, etag, node !== null, true)) return;
    if (!isLook) throw new DavFailure(412, 'this is there already');
    throw new DavFailure(304, '', { headers: etag === null ? {} : { etag } });
  }
  const since = isLook ? dateOf(request.header('if-modified-since')) : null;
  if (since !== null && modified !== null && modified <= since)
    throw new DavFailure(304, '', { headers: node?.kind === 'file' ? { etag: etagOf(node) } : {} });
}

function dateOf(text: string | null): number | null {
  return text === null ? null : parseHttpDate(text);
}

function matches(header: string, etag: string | null, exists: boolean, isWeak: boolean): boolean {
  if (header.trim() === '*') return exists;
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => etag !== null && (isWeak ? tag.replace(/^W\//, '') : tag) === etag);
}

/** The If header of RFC 4918: 412 unless one of its lists holds. */
export async function checkIf(call: DavCall): Promise<void> {
  const { share } = call;
  if (call.ifLists.length === 0) return;
  for (const { resource, conditions } of call.ifLists) {
    const place = resource === null ? call.place : placeOf(pathOfTarget(resource).path, share.prefix);
    if (place === null) continue;
    const path =
      resource === null ? call.place.path : await share.links.plainPath(place.urlPath, { last: true });
    let holds = true;
    for (const condition of conditions) holds &&= (await isMet(call, path, condition)) !== condition.not;
    if (holds) return;
  }
  throw new DavFailure(412, 'no list of the header If holds');
}

async function isMet({ share }: DavCall, path: RelPath, { kind, value }: IfCondition): Promise<boolean> {
  if (kind === 'token') return share.locks.on(path).some(({ token }) => token === value);
  const node = await nodeAt(share.tree, path);
  return node !== null && node.kind === 'file' && etagOf(node) === value;
}

/**
 * Refuses a change of what is locked unless the client names the lock and has made it: 423. `deep` for what takes
 * everything below along, `member` for what makes or removes the name itself, which a lock of the folder covers too.
 */
export function checkLocks(
  call: DavCall,
  path: RelPath,
  { deep = false, member = false }: { readonly deep?: boolean; readonly member?: boolean } = {},
): void {
  const { locks, prefix } = call.share;
  const own = locks.on(path, deep);
  const ofFolder = member && path !== '' ? locks.on(splitRel(path).parent) : [];
  const all = [...new Set([...own, ...ofFolder])];
  if (all.length === 0) return;
  const named = tokensOf(call.ifLists);
  const isMine = ({ token, user }: { token: string; user: string }) => named.has(token) && user === call.user;
  // each root of locks asks for one of them: of several shared ones the client has its own
  const roots = Map.groupBy(all, ({ path: root }) => root);
  for (const [root, held] of roots) {
    if (held.some(isMine)) continue;
    const href = hrefOf(prefix, root, false);
    throw new DavFailure(423, `${href} is locked`, { condition: 'lock-token-submitted' });
  }
}
