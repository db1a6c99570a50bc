import { SaxesParser, type SaxesTagNS } from 'saxes';
import { LIMITS } from '../../base/limits.ts';
import { DavFailure } from './failure.ts';
import { DAV, escapeXml, type XmlName } from './xml_text.ts';

export interface XmlElement extends XmlName {
  readonly attributes: readonly (XmlName & { readonly value: string })[];
  readonly children: (XmlElement | string)[];
}

const XMLNS = 'http://www.w3.org/2000/xmlns/';
const XML = 'http://www.w3.org/XML/1998/namespace';

/**
 * Reads a document, as XML 1.0 with namespaces. No document type, and so no entity but the five of XML itself: nothing is
 * expanded or fetched. Throws 400 for anything else, also for what is nested too deep.
 */
export function parseXml(text: string): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: XmlElement[] = [];
  let root: XmlElement | null = null;
  parser.on('error', (failure) => {
    throw new DavFailure(400, `the XML is not well-formed: ${failure.message}`);
  });
  parser.on('doctype', () => {
    throw new DavFailure(400, 'a document type is not accepted');
  });
  parser.on('opentag', (tag) => {
    const element = elementOf(tag);
    if (open.length >= LIMITS.davXmlDepthMax.value) throw new DavFailure(400, 'the XML is nested too deep');
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  const addText = (piece: string) => void open.at(-1)?.children.push(piece);
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.write(text).close();
  if (root === null) throw new DavFailure(400, 'the XML has no element');
  return root;
}

function elementOf(tag: SaxesTagNS): XmlElement {
  const attributes = Object.values(tag.attributes)
    .filter(({ uri, name }) => uri !== XMLNS && name !== 'xmlns')
    .map(({ uri, local, value }) => ({ ns: uri, local, value }));
  for (const { prefix, value } of Object.values(tag.attributes))
    if (prefix === 'xmlns' && value === '') throw new DavFailure(400, 'a prefix has an empty namespace');
  return { ns: tag.uri, local: tag.local, attributes, children: [] };
}

export function isDav(node: XmlElement | string, local: string): node is XmlElement {
  return typeof node !== 'string' && node.ns === DAV && node.local === local;
}

export function elementsOf(parent: XmlElement): XmlElement[] {
  return parent.children.filter((child) => typeof child !== 'string');
}

export function textOf(element: XmlElement): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}

/** An element as text that means the same wherever it is put: every namespace is declared where it is used. */
export function writeXml(element: XmlElement, inNs: string | null = null): string {
  const declared = element.ns === inNs ? '' : ` xmlns="${escapeXml(element.ns)}"`;
  const attributes = element.attributes.map(({ ns, local, value }, index) => {
    const quoted = `"${escapeXml(value)}"`;
    if (ns === '') return ` ${local}=${quoted}`;
    if (ns === XML) return ` xml:${local}=${quoted}`;
    return ` xmlns:n${index}="${escapeXml(ns)}" n${index}:${local}=${quoted}`;
  });
  const inside = element.children
    .map((child) => (typeof child === 'string' ? escapeXml(child) : writeXml(child, element.ns)))
    .join('');
  return `<${element.local}${declared}${attributes.join('')}>${inside}</${element.local}>`;
}
