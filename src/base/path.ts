import { CausewayError } from './errors.ts';
import { PATH_LIMITS } from './path_limits.ts';

declare const nameBrand: unique symbol;
declare const relPathBrand: unique symbol;

/** One validated path component: not empty, not `.` or `..`, no separator, no NUL, at most 255 bytes of UTF-8. Made by {@link parseName} only. */
export type Name = string & { readonly [nameBrand]: true };

/** Components joined by `/`, each a {@link Name}; the empty string is the root itself. Made by {@link parseRelPath} only. */
export type RelPath = string & { readonly [relPathBrand]: true };

export const ROOT_PATH = '' as RelPath;

/** Throws CW_DISK_NAME for anything that is not a single plain component. */
export function parseName(text: string): Name {
  if (text === '' || text === '.' || text === '..' || text.includes('/') || text.includes('\0')) {
    throw new CausewayError('CW_DISK_NAME', `${JSON.stringify(text)} is not a name of one file or folder`);
  }
  if (Buffer.byteLength(text) > PATH_LIMITS.nameMaxBytes.value) {
    throw new CausewayError(
      'CW_DISK_NAME',
      `the name ${JSON.stringify(text.slice(0, 40))}… is longer than 255 bytes`,
    );
  }
  return text as Name;
}

/** Throws CW_DISK_NAME where a component is not a {@link Name} or the whole is longer than 4,096 bytes. */
export function parseRelPath(text: string): RelPath {
  if (text === '') return ROOT_PATH;
  if (Buffer.byteLength(text) > PATH_LIMITS.pathMaxBytes.value) {
    throw new CausewayError(
      'CW_DISK_NAME',
      `the path ${JSON.stringify(text.slice(0, 40))}… is longer than 4,096 bytes`,
    );
  }
  for (const part of text.split('/')) parseName(part);
  return text as RelPath;
}

export function namesOf(path: RelPath): Name[] {
  return path === '' ? [] : (path.split('/') as Name[]);
}

export function joinRel(parent: RelPath, name: Name): RelPath {
  return (parent === '' ? name : `${parent}/${name}`) as RelPath;
}

/** The parent of a path and its last component; the root has none. */
export function splitRel(path: RelPath): { parent: RelPath; name: Name } {
  const cut = path.lastIndexOf('/');
  if (cut < 0) return { parent: ROOT_PATH, name: path as unknown as Name };
  return { parent: path.slice(0, cut) as RelPath, name: path.slice(cut + 1) as Name };
}

/** Whether `folder` is the parent of `path`, without making the text of it. */
export function isDirectlyIn(path: RelPath, folder: RelPath): boolean {
  return folder.length > 0
    ? path.startsWith(folder) && path.lastIndexOf('/') === folder.length
    : !path.includes('/');
}

/** The name of an entry that is directly in `folder`. */
export function nameBelow(path: RelPath, folder: RelPath): Name {
  return (folder.length > 0 ? path.slice(folder.length + 1) : path) as Name;
}

/** `a/b` joined below an absolute folder. */
export function joinAbsolute(folder: string, rest: string): string {
  if (rest === '') return folder;
  return folder.endsWith('/') ? folder + rest : `${folder}/${rest}`;
}

/** The folder and last component of an absolute POSIX path, without a trailing slash; `/` has an empty name. */
export function splitAbsolute(path: string): { folder: string; name: string } {
  const plain = trimSlashes(path);
  const cut = plain.lastIndexOf('/');
  return { folder: cut <= 0 ? '/' : plain.slice(0, cut), name: plain.slice(cut + 1) };
}

function trimSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

/** Resolves `path` against `base`, both POSIX; `.` and `..` are removed as text. */
export function resolveAbsolute(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith('/') ? '' : `${base}/`}${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
