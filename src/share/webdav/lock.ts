import { readXml } from './body.ts';
import { checkConditions, checkIf, checkLocks } from './conditions.ts';
import { answer, type DavCall, depthOf } from './context.ts';
import { DavFailure } from './failure.ts';
import { tokensOf } from './if_header.ts';
import { activeLockXml } from './live_properties.ts';
import { type DavLock, timeoutOf } from './locks.ts';
import { XML_TYPE } from './multistatus.ts';
import { nodeAfterParents } from './put.ts';
import { recorded } from './records.ts';
import { elementsOf, isDav, writeXml, type XmlElement } from './xml.ts';
import { davTag } from './xml_text.ts';

/** Longest description that a client may give of itself; it is held in memory and shown to all. */
const OWNER_MAX_CHARS = 4_096;

/** LOCK: a new lock, also of a name that nothing has yet, which becomes an empty file; without a body a renewal. */
export async function lock(call: DavCall): Promise<void> {
  const { share, place, request, user } = call;
  const body = await readXml(request);
  const timeoutMs = timeoutOf(request.header('timeout'));
  if (body === null) return renew(call, timeoutMs);
  const { mode, ownerXml } = wishOf(body);
  const isDeep = depthOf(call, [0, 'infinity'], 'infinity') === 'infinity';
  const node = await nodeAfterParents(call);
  await checkIf(call);
  checkConditions(call, node);
  if (share.tree.caps.readOnly) throw new DavFailure(403, 'this share is read-only');
  if (node === null) checkLocks(call, place.path, { member: true });
  const held = share.locks.add({ path: place.path, isDeep, mode, user, ownerXml, timeoutMs });
  try {
    if (node === null) await recorded(call, { action: 'file.create', path: place.path }, makeEmpty);
  } catch (failure) {
    share.locks.remove(held.token);
    throw failure;
  }
  await show(call, held, node === null ? 201 : 200, { 'lock-token': `<${held.token}>` });
}

async function makeEmpty({ share, place }: DavCall): Promise<void> {
  await using file = await share.tree.open(place.path, 'create');
  await file.publish();
}

async function renew(call: DavCall, timeoutMs: number): Promise<void> {
  const { share, place, user } = call;
  await checkIf(call);
  for (const token of tokensOf(call.ifLists)) {
    if (share.locks.find(token)?.user !== user) continue;
    const renewed = share.locks.refresh(token, place.path, timeoutMs);
    if (renewed !== null) return show(call, renewed, 200, {});
  }
  throw new DavFailure(412, 'there is no such lock', { condition: 'lock-token-matches-request-uri' });
}

function wishOf(body: XmlElement): { mode: DavLock['mode']; ownerXml: string } {
  const children = isDav(body, 'lockinfo') ? elementsOf(body) : [];
  const scope = children.find((child) => isDav(child, 'lockscope'));
  const type = children.find((child) => isDav(child, 'locktype'));
  const owner = children.find((child) => isDav(child, 'owner'));
  if (!scope || !type) throw new DavFailure(400, 'the body is no lockinfo');
  if (!elementsOf(type).some((child) => isDav(child, 'write')))
    throw new DavFailure(422, 'only write locks are known');
  const isShared = elementsOf(scope).some((child) => isDav(child, 'shared'));
  const isExclusive = elementsOf(scope).some((child) => isDav(child, 'exclusive'));
  if (isShared === isExclusive) throw new DavFailure(400, 'a lock is shared or exclusive');
  const ownerXml = owner ? writeXml(owner) : '';
  if (ownerXml.length > OWNER_MAX_CHARS) throw new DavFailure(413, 'the owner of a lock is too long');
  return { mode: isShared ? 'shared' : 'exclusive', ownerXml };
}

async function show(
  { share, reply }: DavCall,
  held: DavLock,
  status: number,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const active = davTag('lockdiscovery', activeLockXml(share, held));
  const text = `<?xml version="1.0" encoding="utf-8"?>\n<D:prop xmlns:D="DAV:">${active}</D:prop>\n`;
  const body = Buffer.from(text);
  reply.begin(status, { 'content-type': XML_TYPE, 'content-length': String(body.byteLength), ...headers });
  await reply.write(body);
  await reply.end();
}

/** UNLOCK: 409 for a token of no lock on this place, 403 for that of somebody else. */
export async function unlock(call: DavCall): Promise<void> {
  const { share, place, request, reply, user } = call;
  const token = /^\s*<([^<>]+)>\s*$/.exec(request.header('lock-token') ?? '')?.[1];
  if (token === undefined) throw new DavFailure(400, 'the header Lock-Token is missing');
  await checkIf(call);
  const held = share.locks.on(place.path).find((one) => one.token === token);
  if (held === undefined)
    throw new DavFailure(409, 'there is no such lock', { condition: 'lock-token-matches-request-uri' });
  if (held.user !== user) throw new DavFailure(403, 'this is the lock of somebody else');
  share.locks.remove(token);
  await answer(reply, 204);
}
