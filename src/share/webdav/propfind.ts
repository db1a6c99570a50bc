import { asCausewayError } from '../../base/errors.ts';
import { joinRel, type Name, parseName } from '../../base/path.ts';
import type { TreeNode } from '../../tree/files/file_tree.ts';
import { PieceWriter, readXml } from './body.ts';
import { type DavCall, depthOf } from './context.ts';
import { readDead } from './dead_properties.ts';
import type { AskedList } from './entry_xml.ts';
import { DavFailure } from './failure.ts';
import { isAtHand, isLive, LIVE_NAMES, readAtHand, readLive, type Subject } from './live_properties.ts';
import {
  emptyXml,
  MULTISTATUS_END,
  MULTISTATUS_HEAD,
  propstatsXml,
  propstatXml,
  XML_TYPE,
} from './multistatus.ts';
import { hrefIn, hrefOf } from './paths.ts';
import { listQuickly } from './quick_list.ts';
import { elementsOf, isDav, type XmlElement } from './xml.ts';
import { DAV, davTag, escapeXml, type XmlName } from './xml_text.ts';

type Wish =
  | { readonly kind: 'names' }
  | { readonly kind: 'all'; readonly also: readonly XmlName[] }
  | { readonly kind: 'some'; readonly names: readonly XmlName[] };

/** PROPFIND: entries are sent as they are read, so that a folder of any size takes the same memory. */
export async function propfind(call: DavCall): Promise<void> {
  const { share, place, reply } = call;
  const depth = depthOf(call, [0, 1, 'infinity'], 'infinity');
  const wish = wishOf(await readXml(call.request));
  const node = await share.tree.lookup(place.path);
  if (place.isFolder && node.kind !== 'directory') throw new DavFailure(404, 'there is no such folder');
  if (depth === 'infinity' && node.kind === 'directory')
    throw new DavFailure(403, 'ask for one folder after the other', { condition: 'propfind-finite-depth' });
  reply.begin(207, { 'content-type': XML_TYPE });
  const out = new PieceWriter((bytes) => reply.write(bytes));
  out.add(MULTISTATUS_HEAD);
  const href = hrefOf(share.prefix, place.urlPath, node.kind === 'directory');
  const subject = { share, path: place.path, urlPath: place.urlPath, href, node };
  out.add(await responseXml(subject, wish));
  if (depth !== 0 && node.kind === 'directory') await describeMembers(subject, wish, out);
  out.add(MULTISTATUS_END);
  await out.flush();
  await reply.end();
}

async function describeMembers(folder: Subject, wish: Wish, out: PieceWriter): Promise<void> {
  const { share, path } = folder;
  const names = namesAtHand(wish);
  const add = async (name: string, node: TreeNode): Promise<void> => {
    if (!isServed(node)) return;
    const subject = memberOf(folder, parseName(name), node);
    if (names !== null) out.add(xmlAtHand(subject, names));
    else await describeUnlessGone(subject, wish, out);
  };
  const asked = askedOf(folder, wish);
  if (asked !== null && (await listQuickly(folder, asked, out, add))) return;
  for await (const page of share.links.list(path))
    for (const { name, node } of page) {
      await add(name, node);
      if (out.isFull) await out.flush();
    }
}

function memberOf({ share, path, urlPath, href }: Subject, name: Name, node: TreeNode): Subject {
  return {
    share,
    path: joinRel(path, name),
    urlPath: joinRel(urlPath, name),
    href: hrefIn(href, name, node.kind === 'directory'),
    node,
  };
}

/** What a thread can tell of each entry by itself; null where locks or the room that is left are asked for, too. */
function askedOf({ share, href }: Subject, wish: Wish): AskedList | null {
  if (wish.kind === 'names' || (wish.kind === 'all' && wish.also.length > 0)) return null;
  const names = wish.kind === 'all' ? null : wish.names;
  const isAsked = ({ ns, local }: XmlName, name: string) => ns === DAV && local === name;
  const hasLocks = names === null || names.some((name) => isAsked(name, 'lockdiscovery'));
  if (hasLocks && share.locks.size > 0) return null;
  if (names?.some(({ ns, local }) => ns === DAV && isLive(local) && !isAtHand(local))) return null;
  const mayBeDead = names === null || names.some(({ ns, local }) => ns !== DAV || !isLive(local));
  return { href, names, mayBeDead };
}

async function describeUnlessGone(subject: Subject, wish: Wish, out: PieceWriter): Promise<void> {
  try {
    out.add(await responseXml(subject, wish));
  } catch (failure) {
    // gone since it was listed, or a name too deep to be reached: it is not there for this client
    if (!['CW_DISK_NOT_FOUND', 'CW_DISK_NAME'].includes(asCausewayError(failure).code)) throw failure;
  }
}

/** Sockets, FIFOs and devices are nothing that a client can open. */
export function isServed({ kind }: TreeNode): boolean {
  return kind === 'file' || kind === 'directory';
}

function wishOf(body: XmlElement | null): Wish {
  if (body === null) return { kind: 'all', also: [] };
  if (!isDav(body, 'propfind')) throw new DavFailure(400, 'the body is no propfind');
  const children = elementsOf(body);
  const prop = children.find((child) => isDav(child, 'prop'));
  if (prop) return { kind: 'some', names: elementsOf(prop) };
  if (children.some((child) => isDav(child, 'propname'))) return { kind: 'names' };
  if (!children.some((child) => isDav(child, 'allprop')))
    throw new DavFailure(400, 'the propfind asks for nothing');
  const include = children.find((child) => isDav(child, 'include'));
  return { kind: 'all', also: include ? elementsOf(include) : [] };
}

/** The names that are asked for, where nothing but what a listing tells is needed to answer; else null. */
function namesAtHand(wish: Wish): readonly string[] | null {
  if (wish.kind !== 'some') return null;
  return wish.names.every(({ ns, local }) => ns === DAV && isAtHand(local))
    ? wish.names.map(({ local }) => local)
    : null;
}

/** As {@link responseXml}, and at once: what lists of folders are nearly always asked for. */
function xmlAtHand(subject: Subject, names: readonly string[]): string {
  const found: string[] = [];
  const missing: string[] = [];
  for (const local of names) {
    const inside = readAtHand(local, subject);
    if (inside === null) missing.push(davTag(local));
    else found.push(davTag(local, inside));
  }
  return davTag('response', davTag('href', escapeXml(subject.href)) + propstatsXml(found, missing));
}

async function responseXml(subject: Subject, wish: Wish): Promise<string> {
  const { share, path } = subject;
  const href = davTag('href', escapeXml(subject.href));
  if (wish.kind === 'some') return davTag('response', href + (await someXml(subject, wish.names)));
  const found: string[] = [];
  for (const local of LIVE_NAMES) {
    const inside = await readLive(local, subject);
    if (inside !== null) found.push(davTag(local, wish.kind === 'names' ? '' : inside));
  }
  for (const dead of await readDead(share.links, path))
    found.push(wish.kind === 'names' ? emptyXml(dead) : dead.xml);
  const also = wish.kind === 'all' ? wish.also.filter((name) => !isAmongAll(name)) : [];
  const more = also.length === 0 ? '' : await someXml(subject, also);
  return davTag('response', href + propstatXml(found, 200) + more);
}

function isAmongAll({ ns, local }: XmlName): boolean {
  return ns === DAV && LIVE_NAMES.includes(local);
}

async function someXml(subject: Subject, names: readonly XmlName[]): Promise<string> {
  const found: string[] = [];
  const missing: string[] = [];
  let dead: Awaited<ReturnType<typeof readDead>> | null = null;
  for (const name of names) {
    if (name.ns === DAV && isLive(name.local)) {
      const inside = await readLive(name.local, subject);
      if (inside === null) missing.push(davTag(name.local));
      else found.push(davTag(name.local, inside));
      continue;
    }
    dead ??= await readDead(subject.share.links, subject.path);
    const one = dead.find(({ ns, local }) => ns === name.ns && local === name.local);
    if (one) found.push(one.xml);
    else missing.push(emptyXml(name));
  }
  return propstatsXml(found, missing);
}
