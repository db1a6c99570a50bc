/** A name with its namespace; the empty namespace is none. */
export interface XmlName {
  readonly ns: string;
  readonly local: string;
}

export const DAV = 'DAV:';

export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text
    .replace(/[&<>"\r]/g, (found) => ESCAPES[found] as string)
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd');
}

const SPECIAL = /[&<>"\0-\x08\x0b-\x1f\ufffe\uffff]/;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** An element of the namespace DAV: that stands among others of it; `inside` is XML. */
export function davTag(local: string, inside = ''): string {
  return inside === '' ? `<D:${local}/>` : `<D:${local}>${inside}</D:${local}>`;
}
