import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { FoundChannel } from './found.ts';

/** What is asked of a libvirt domain. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  readonly isActive: boolean;
  readonly channels: readonly FoundChannel[];
}

const CHANNEL = 'domain/devices/channel';

/**
 * Reads a domain as `virsh dumpxml` prints it. Nothing is expanded or fetched: a document type is refused. CW_LIBVIRT
 * for what is no such document.
 */
export function parseDomain(xml: string): Domain {
  const parser = new SaxesParser({ xmlns: false, position: false });
  const path: string[] = [];
  const found = { name: '', uuid: '', isActive: false, channels: [] as FoundChannel[] };
  let open: { name: string | null; path: string | null; isVirtio: boolean } | null = null;
  parser.on('error', (failure) => {
    throw malformed(failure.message);
  });
  parser.on('doctype', () => {
    throw malformed('it has a document type');
  });
  parser.on('opentag', (tag: SaxesTagPlain) => {
    path.push(tag.name);
    if (path.length > LIMITS.domainXmlDepthMax.value) throw malformed('it is nested too deep');
    const at = path.join('/');
    if (at === 'domain') found.isActive = tag.attributes['id'] !== undefined;
    if (at === CHANNEL) open = { name: null, path: null, isVirtio: false };
    if (open !== null) noteOf(open, at, tag.attributes);
  });
  parser.on('text', (text) => {
    const at = path.join('/');
    if (at === 'domain/name') found.name += text;
    if (at === 'domain/uuid') found.uuid += text.trim();
  });
  parser.on('closetag', () => {
    if (path.join('/') === CHANNEL && open !== null) {
      if (open.isVirtio && open.name !== null) found.channels.push({ name: open.name, path: open.path });
      open = null;
    }
    path.pop();
  });
  parser.write(xml).close();
  if (found.name === '' || found.uuid === '') throw malformed('it describes no domain');
  return found;
}

function noteOf(
  open: { name: string | null; path: string | null; isVirtio: boolean },
  at: string,
  attributes: Record<string, string>,
): void {
  if (at === `${CHANNEL}/target`) {
    open.isVirtio = attributes['type'] === 'virtio';
    open.name = attributes['name'] ?? null;
  }
  if (at === `${CHANNEL}/source`) open.path = attributes['path'] ?? null;
}

function malformed(why: string): CausewayError {
  return new CausewayError('CW_LIBVIRT', `what virsh tells of a domain cannot be read: ${why}`);
}

/** The device that {@link parseDomain} finds again. QEMU makes the socket and listens there. */
export function channelXml(name: string, path: string): string {
  return [
    `<channel type='unix'>`,
    `  <source mode='bind' path='${escaped(path)}'/>`,
    `  <target type='virtio' name='${escaped(name)}'/>`,
    `</channel>`,
    '',
  ].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => ESCAPES[character] ?? character);
}
