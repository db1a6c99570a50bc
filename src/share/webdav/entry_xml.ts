import type { ScannedEntry } from '../../world/folder_scan.ts';
import { contentTypeOf } from './content_types.ts';
import { etagOf } from './etag.ts';
import { httpDateOf } from './http_date.ts';
import { emptyXml, propstatsXml, propstatXml } from './multistatus.ts';
import { hrefIn } from './paths.ts';
import { SUPPORTED_LOCKS } from './supported_locks.ts';
import { DAV, davTag, escapeXml, type XmlName } from './xml_text.ts';

/** What a PROPFIND wants to know of each entry of a folder. */
export interface AskedList {
  /** URL path of the folder, escaped, with its slash at the end. */
  readonly href: string;
  /** Null: all that the server has. */
  readonly names: readonly XmlName[] | null;
  /** Properties that clients have set are asked for. */
  readonly mayBeDead: boolean;
}

/** The inside of a property of an entry. */
type Reader = (entry: ScannedEntry) => string;

/** Nobody holds a lock where lists are made this way. */
const OF_ALL: Readonly<Record<string, Reader>> = {
  displayname: ({ name }) => escapeXml(name),
  resourcetype: ({ kind }) => (kind === 'directory' ? davTag('collection') : ''),
  getlastmodified: ({ mtimeS }) => httpDateOf(mtimeS),
  supportedlock: () => SUPPORTED_LOCKS,
  lockdiscovery: () => '',
};

const OF_FILES: Readonly<Record<string, Reader>> = {
  ...OF_ALL,
  getcontentlength: ({ sizeBytes }) => String(sizeBytes),
  getcontenttype: ({ name }) => contentTypeOf(name),
  getetag: (entry) => escapeXml(etagOf(entry)),
};

/** In the order in which all of them are told. */
const NAMES = [
  'displayname',
  'resourcetype',
  'getcontentlength',
  'getcontenttype',
  'getetag',
  'getlastmodified',
  'supportedlock',
  'lockdiscovery',
] as const;

/** What is the same for all stands before and behind what is not. */
interface Template {
  readonly head: string;
  readonly tags: readonly Reader[];
  readonly tail: string;
}

/** Stands for the properties in a template; no XML has it. */
const SLOT = '\0';

/** Writes entries of a folder as a PROPFIND asks for them: what is the same for all is put together once. */
export class EntryXml {
  readonly #href: string;
  readonly #file: Template;
  readonly #folder: Template;

  constructor({ href, names }: AskedList) {
    this.#href = href;
    this.#file = templateOf(names, OF_FILES);
    this.#folder = templateOf(names, OF_ALL);
  }

  of(entry: ScannedEntry): string {
    const isFolder = entry.kind === 'directory';
    const { head, tags, tail } = isFolder ? this.#folder : this.#file;
    let xml = `<D:response><D:href>${hrefIn(this.#href, entry.name, isFolder)}</D:href>${head}`;
    for (const tag of tags) xml += tag(entry);
    return xml + tail;
  }
}

function templateOf(names: readonly XmlName[] | null, readers: Readonly<Record<string, Reader>>): Template {
  const has = ({ ns, local }: XmlName) => ns === DAV && Object.hasOwn(readers, local);
  const asked = names ?? NAMES.map((local) => ({ ns: DAV, local })).filter(has);
  const found = asked.filter(has).map(({ local }) => tagOf(local, readers[local]!));
  const missing = asked.filter((name) => !has(name)).map(missingXml);
  const xml =
    names === null ? propstatXml([SLOT], 200) : propstatsXml(found.length === 0 ? [] : [SLOT], missing);
  const [head = '', tail = ''] = xml.split(SLOT);
  return { head, tags: found, tail: `${tail}</D:response>` };
}

function tagOf(local: string, read: Reader): Reader {
  const [begin, end, empty] = [`<D:${local}>`, `</D:${local}>`, davTag(local)];
  return (entry) => {
    const inside = read(entry);
    return inside === '' ? empty : begin + inside + end;
  };
}

/** As the longer way writes it. */
function missingXml(name: XmlName): string {
  const isKnown = name.ns === DAV && Object.hasOwn(OF_FILES, name.local);
  return isKnown ? davTag(name.local) : emptyXml(name);
}
