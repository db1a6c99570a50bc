import type { RelPath } from '../../base/path.ts';
import type { FileTree } from '../../tree/files/file_tree.ts';
import type { LinkFollowingTree } from '../../tree/files/following_links.ts';
import type { Clock, Random } from '../../world/clock.ts';
import type { HttpReply, HttpRequest } from '../../world/http.ts';
import { DavFailure } from './failure.ts';
import { type IfList, parseIf } from './if_header.ts';
import type { DavLocks } from './locks.ts';
import type { PathTurns } from './path_turns.ts';
import { type DavPlace, pathOfTarget, placeOf } from './paths.ts';
import type { FileRecords } from './records.ts';

/** One share as WebDAV serves it. */
export interface DavShare {
  /** Follows no link: takes paths that {@link LinkFollowingTree.plainPath} gives. */
  readonly tree: FileTree;
  /** The same with links followed inside, for listings. */
  readonly links: LinkFollowingTree;
  /** What its URLs begin with, without a slash at the end: `/photos`. */
  readonly prefix: string;
  readonly locks: DavLocks;
  readonly turns: PathTurns;
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  readonly random: Pick<Random, 'bytes'>;
  /** Of the client that asks. */
  readonly records: FileRecords;
}

/** One request to a share. */
export interface DavCall {
  readonly share: DavShare;
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly place: DavPlace & { readonly path: RelPath };
  /** Who asks: only who made a lock may use it. */
  readonly user: string;
  readonly ifLists: readonly IfList[];
  /** Says for the record that so much was left as it was. */
  readonly leave: (count: number) => void;
}

/** Requests about a name, and not about what a link of that name leads to. */
const OF_NAMES: ReadonlySet<string> = new Set(['DELETE', 'MOVE']);

export async function callOf(
  share: DavShare,
  request: HttpRequest,
  reply: HttpReply,
  user: string,
): Promise<DavCall> {
  const place = placeOf(pathOfTarget(request.target).path, share.prefix);
  if (place === null) throw new DavFailure(404, 'there is no such share');
  const path = await share.links.plainPath(place.urlPath, { last: !OF_NAMES.has(request.method) });
  const ifLists = parseIf(request.header('if'));
  return { share, request, reply, place: { ...place, path }, user, ifLists, leave: () => undefined };
}

/** Where a COPY or MOVE goes. 400 without a Destination, 502 for another server or share. */
export async function destinationOf({ share, request }: DavCall): Promise<RelPath> {
  const header = request.header('destination');
  if (header === null) throw new DavFailure(400, 'the header Destination is missing');
  const { path, authority } = pathOfTarget(header.trim());
  const host = request.header('host');
  if (
    authority !== null &&
    host !== null &&
    authority.replace(/^.*@/, '').toLowerCase() !== host.toLowerCase()
  )
    throw new DavFailure(502, 'the destination is on another server');
  const place = placeOf(path, share.prefix);
  if (place === null) throw new DavFailure(502, 'the destination is in another share');
  return share.links.plainPath(place.urlPath, { last: false });
}

export type Depth = 0 | 1 | 'infinity';

export function depthOf({ request }: DavCall, allowed: readonly Depth[], missing: Depth): Depth {
  const text = request.header('depth')?.trim().toLowerCase();
  const depth = text === undefined ? missing : text === '0' ? 0 : text === '1' ? 1 : text;
  const known = allowed.find((one) => one === depth);
  if (known === undefined) throw new DavFailure(400, 'that Depth is not possible here');
  return known;
}

/** Whether what stands at the destination may be replaced. */
export function mayOverwrite({ request }: DavCall): boolean {
  const text = request.header('overwrite')?.trim().toUpperCase() ?? 'T';
  if (text !== 'T' && text !== 'F') throw new DavFailure(400, 'Overwrite is T or F');
  return text === 'T';
}

/** Answers without a body. */
export async function answer(
  reply: HttpReply,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  reply.begin(status, status === 204 ? headers : { 'content-length': '0', ...headers });
  await reply.end();
}
