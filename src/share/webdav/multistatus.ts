import type { RelPath } from '../../base/path.ts';
import { hrefOf } from './paths.ts';
import { davTag, escapeXml, type XmlName } from './xml_text.ts';

export const MULTISTATUS_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">';
export const MULTISTATUS_END = '</D:multistatus>\n';
export const XML_TYPE = 'application/xml; charset=utf-8';

export function propstatsXml(found: readonly string[], missing: readonly string[]): string {
  const isEmpty = found.length === 0 && missing.length > 0;
  return (isEmpty ? '' : propstatXml(found, 200)) + (missing.length > 0 ? propstatXml(missing, 404) : '');
}

export function emptyXml({ ns, local }: XmlName): string {
  return `<${local} xmlns="${escapeXml(ns)}"/>`;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  423: 'Locked',
  424: 'Failed Dependency',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

export function statusXml(status: number): string {
  return davTag('status', `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}`);
}

export function propstatXml(properties: readonly string[], status: number, more = ''): string {
  return davTag('propstat', davTag('prop', properties.join('')) + statusXml(status) + more);
}

/** One resource of a 207 that could not be done. */
export function failedXml(prefix: string, path: RelPath, status: number): string {
  return davTag('response', davTag('href', escapeXml(hrefOf(prefix, path, false))) + statusXml(status));
}
