import { asCausewayError } from '../../base/errors.ts';
import { namesOf, parseRelPath, type RelPath } from '../../base/path.ts';
import { DavFailure } from './failure.ts';

/** Where a URL points in a share. */
export interface DavPlace {
  /** As the URL says it: links on the way may give one place several of them. */
  readonly urlPath: RelPath;
  /** The URL ends with a slash: the client means a folder. */
  readonly isFolder: boolean;
}

/** The path of a request target or Destination: without scheme, authority and query. 400 for what is no path. */
export function pathOfTarget(target: string): { readonly path: string; readonly authority: string | null } {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)([^?#]*)([?#].*)?$/i.exec(target);
  const path = absolute ? absolute[2] || '/' : (target.split('?', 1)[0] as string);
  // a fragment is no part of a request; taken for one of the path, another resource would be meant
  if (target.includes('#') || !path.startsWith('/')) throw new DavFailure(400, 'the URL is not valid');
  return { path, authority: absolute ? (absolute[1] as string) : null };
}

/**
 * The place that a URL path below `prefix` (`/photos`) names. Null for another share. 400 for escapes that are no UTF-8,
 * for dot segments, also escaped ones, and for names with a slash or a NUL in them.
 */
export function placeOf(urlPath: string, prefix: string): DavPlace | null {
  const parts = urlPath.split('/').filter((part) => part !== '');
  const names = parts.map(decode);
  const before = prefix.split('/').filter((part) => part !== '');
  if (before.some((name, index) => names[index] !== name)) return null;
  const own = names.slice(before.length);
  try {
    if (own.some((name) => name.includes('/'))) throw new DavFailure(400, 'such a name is not allowed');
    return { urlPath: parseRelPath(own.join('/')), isFolder: urlPath.endsWith('/') || own.length === 0 };
  } catch (failure) {
    if (failure instanceof DavFailure) throw failure;
    throw new DavFailure(400, `such a name is not allowed (${asCausewayError(failure).code})`);
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new DavFailure(400, 'the URL is not valid UTF-8');
  }
}

/** The URL path of a place, with a slash at the end for a folder. */
export function hrefOf(prefix: string, path: RelPath, isFolder: boolean): string {
  const parts = namesOf(path).map(encode);
  const href = `${prefix}/${parts.join('/')}`;
  return isFolder && !href.endsWith('/') ? `${href}/` : href;
}

/** The same of a member of a folder, whose URL path is `folder`. */
export function hrefIn(folder: string, name: string, isFolder: boolean): string {
  return `${folder}${encode(name)}${isFolder ? '/' : ''}`;
}

const PLAIN = /^[\w.~-]+$/;

/** RFC 3986 section 2.3: everything is escaped but letters, digits and `-._~`. */
function encode(name: string): string {
  if (PLAIN.test(name)) return name;
  return encodeURIComponent(name).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
