import { LIMITS } from '../../base/limits.ts';

/**
 * An absolute POSIX path in plain form, without a slash at its end (`/` becomes the empty text); null for a relative
 * path and for one with `.`, `..`, empty components or NUL: such a text does not say what it names.
 */
export function plainPath(path: string): string | null {
  if (!path.startsWith('/') || path.includes('\0') || path.length > LIMITS.pathMaxBytes.value) return null;
  const plain = path.endsWith('/') ? path.slice(0, -1) : path;
  if (plain === '') return '';
  const parts = plain.slice(1).split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..') ? plain : null;
}

/** Whether `path` is the folder `prefix` or lies below it, both from {@link plainPath}. It says nothing of symlinks. */
export function isBelow(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}
