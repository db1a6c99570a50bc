import { readXml } from './body.ts';
import { checkLocks } from './conditions.ts';
import type { DavCall } from './context.ts';
import { type DeadProperty, readDead, writeDead } from './dead_properties.ts';
import { asDavFailure, DavFailure } from './failure.ts';
import { parseHttpDate } from './http_date.ts';
import { isLive } from './live_properties.ts';
import { emptyXml, MULTISTATUS_END, MULTISTATUS_HEAD, propstatXml, XML_TYPE } from './multistatus.ts';
import { hrefOf } from './paths.ts';
import { elementsOf, isDav, textOf, writeXml, type XmlElement } from './xml.ts';
import { DAV, davTag, escapeXml } from './xml_text.ts';

/** What Windows sets after each upload; the time is that of the file itself. */
const WINDOWS = 'urn:schemas-microsoft-com:';
const WINDOWS_MTIME = 'Win32LastModifiedTime';

interface Change {
  readonly element: XmlElement;
  readonly removes: boolean;
}

/** PROPPATCH: all of its changes or none. */
export async function proppatch(call: DavCall): Promise<void> {
  const { share, place, reply, request } = call;
  const changes = changesOf(await readXml(request));
  const node = await share.tree.lookup(place.path);
  checkLocks(call, place.path);
  const failures = changes.map(({ element }) => (element.ns === DAV && isLive(element.local) ? 403 : 200));
  let statuses: readonly number[] = failures.includes(403)
    ? failures.map((status) => (status === 403 ? 403 : 424))
    : failures;
  if (!failures.includes(403)) {
    try {
      await share.turns.run(place.path, () => apply(call, changes));
    } catch (failure) {
      const { status } = asDavFailure(failure);
      statuses = changes.map(() => status);
    }
  }
  call.leave(statuses.filter((status) => status !== 200).length);
  const propstats = changes
    .map(({ element }, index) => {
      const status = statuses[index] as number;
      const why = status === 403 ? davTag('error', davTag('cannot-modify-protected-property')) : '';
      return propstatXml([emptyXml(element)], status, why);
    })
    .join('');
  const href = davTag('href', escapeXml(hrefOf(share.prefix, place.urlPath, node.kind === 'directory')));
  const body = Buffer.from(MULTISTATUS_HEAD + davTag('response', href + propstats) + MULTISTATUS_END);
  reply.begin(207, { 'content-type': XML_TYPE, 'content-length': String(body.byteLength) });
  await reply.write(body);
  await reply.end();
}

function changesOf(body: XmlElement | null): Change[] {
  if (body === null || !isDav(body, 'propertyupdate'))
    throw new DavFailure(400, 'the body is no propertyupdate');
  const changes: Change[] = [];
  for (const part of elementsOf(body)) {
    const removes = isDav(part, 'remove');
    if (!removes && !isDav(part, 'set')) continue;
    for (const prop of elementsOf(part))
      if (isDav(prop, 'prop'))
        for (const element of elementsOf(prop))
          changes.push({ element: removes ? element : withLanguage(element, [part, prop]), removes });
  }
  if (changes.length === 0) throw new DavFailure(400, 'the propertyupdate changes nothing');
  return changes;
}

/** The language that an element is in, where only one around it says so. */
function withLanguage(element: XmlElement, around: readonly XmlElement[]): XmlElement {
  const isLanguage = ({ ns, local }: { ns: string; local: string }) => ns !== '' && local === 'lang';
  if (element.attributes.some(isLanguage)) return element;
  const inherited = around.toReversed().flatMap(({ attributes }) => attributes.filter(isLanguage))[0];
  return inherited ? { ...element, attributes: [...element.attributes, inherited] } : element;
}

async function apply({ share, place }: DavCall, changes: readonly Change[]): Promise<void> {
  const properties = new Map<string, DeadProperty>();
  const keyOf = ({ ns, local }: { ns: string; local: string }) => `${ns} ${local}`;
  for (const property of await readDead(share.tree, place.path)) properties.set(keyOf(property), property);
  let mtimeNs: bigint | null = null;
  for (const { element, removes } of changes) {
    const { ns, local } = element;
    if (removes) properties.delete(keyOf(element));
    else properties.set(keyOf(element), { ns, local, xml: writeXml(element) });
    if (!removes && ns === WINDOWS && local === WINDOWS_MTIME) {
      const seconds = parseHttpDate(textOf(element));
      if (seconds !== null) mtimeNs = BigInt(seconds) * 1_000_000_000n;
    }
  }
  await writeDead(share.tree, place.path, [...properties.values()]);
  if (mtimeNs !== null && place.path !== '') await share.tree.setAttrs(place.path, { mtimeNs });
}
