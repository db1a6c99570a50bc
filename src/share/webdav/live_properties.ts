import { type RelPath, splitRel } from '../../base/path.ts';
import type { TreeNode } from '../../tree/files/file_tree.ts';
import { contentTypeOf } from './content_types.ts';
import type { DavShare } from './context.ts';
import { etagOf } from './etag.ts';
import { httpDate } from './http_date.ts';
import { covers, type DavLock } from './locks.ts';
import { hrefOf } from './paths.ts';
import { SUPPORTED_LOCKS } from './supported_locks.ts';
import { davTag, escapeXml } from './xml_text.ts';

export interface Subject {
  readonly share: DavShare;
  readonly path: RelPath;
  /** The same as the client calls it. */
  readonly urlPath: RelPath;
  /** Its URL path, escaped. */
  readonly href: string;
  readonly node: TreeNode;
}

/** The inside of a property as XML; null where the resource has none of it. */
type Reader = (subject: Subject) => string | null;
type SlowReader = (subject: Subject) => Promise<string | null>;

const ofFile =
  (read: (node: TreeNode) => string): Reader =>
  ({ node }) =>
    node.kind === 'directory' ? null : read(node);

/** Properties of RFC 4918 section 15 that the server knows itself. No client can set them. */
const READERS: Readonly<Record<string, Reader>> = {
  displayname: ({ share, urlPath }) =>
    escapeXml(urlPath === '' ? share.prefix.slice(1) : splitRel(urlPath).name),
  resourcetype: ({ node }) => (node.kind === 'directory' ? davTag('collection') : ''),
  getcontentlength: ofFile(({ sizeBytes }) => String(sizeBytes)),
  getcontenttype: ({ node, path }) => (node.kind === 'directory' ? null : contentTypeOf(splitRel(path).name)),
  getetag: ofFile((node) => escapeXml(etagOf(node))),
  getlastmodified: ({ node }) => httpDate(node.mtimeNs),
  supportedlock: () => SUPPORTED_LOCKS,
  lockdiscovery: ({ share, path }) =>
    share.locks
      .on(path)
      .filter((lock) => covers(lock, path))
      .map((lock) => activeLockXml(share, lock))
      .join(''),
};

/** RFC 4331: told only to who asks for them by name. */
const QUOTA_READERS: Readonly<Record<string, SlowReader>> = {
  'quota-available-bytes': async (subject) => spaceOf(subject, ({ freeBytes }) => freeBytes),
  'quota-used-bytes': async (subject) =>
    spaceOf(subject, ({ totalBytes, freeBytes }) => Math.max(0, totalBytes - freeBytes)),
};

async function spaceOf(
  { share, node }: Subject,
  pick: (space: { freeBytes: number; totalBytes: number }) => number,
): Promise<string | null> {
  const { space } = share.tree.caps;
  return node.kind !== 'directory' || space === null ? null : String(pick(await space()));
}

export const LIVE_NAMES: readonly string[] = Object.keys(READERS);

export function isLive(local: string): boolean {
  return Object.hasOwn(READERS, local) || Object.hasOwn(QUOTA_READERS, local);
}

/** Whether it is known without asking the disk once more. */
export function isAtHand(local: string): boolean {
  return Object.hasOwn(READERS, local);
}

/** One of those that are at hand. */
export function readAtHand(local: string, subject: Subject): string | null {
  return READERS[local]?.(subject) ?? null;
}

export async function readLive(local: string, subject: Subject): Promise<string | null> {
  if (isAtHand(local)) return readAtHand(local, subject);
  return Object.hasOwn(QUOTA_READERS, local) ? ((await QUOTA_READERS[local]?.(subject)) ?? null) : null;
}

export function activeLockXml(share: DavShare, lock: DavLock): string {
  return davTag(
    'activelock',
    davTag('locktype', davTag('write')) +
      davTag('lockscope', davTag(lock.mode)) +
      davTag('depth', lock.isDeep ? 'infinity' : '0') +
      lock.ownerXml +
      davTag('timeout', `Second-${share.locks.secondsLeft(lock)}`) +
      davTag('locktoken', davTag('href', escapeXml(lock.token))) +
      davTag('lockroot', davTag('href', escapeXml(hrefOf(share.prefix, lock.path, false)))),
  );
}
