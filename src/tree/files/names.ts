import { CausewayError } from '../../base/errors.ts';
import { type Name, namesOf, parseRelPath, type RelPath } from '../../base/path.ts';

/** Where copies and shares keep what is not whole yet. No client of a tree sees it or may make it. */
export const PRIVATE_NAME = '.causeway' as Name;

const PLAIN = /^[\x21-\x7e ]*$/;

/**
 * Whether a file system could take `name` for the private folder: some ignore case, forms of a letter, or characters
 * that nobody sees.
 */
export function isPrivateName(name: string): boolean {
  if (name.length < PRIVATE_NAME.length) return false;
  if (PLAIN.test(name)) return withoutEnd(name).toLowerCase() === PRIVATE_NAME;
  const plain = name
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC')
    .toLowerCase();
  return withoutEnd(plain) === PRIVATE_NAME;
}

/** Windows takes dots and blanks at the end for nothing. */
function withoutEnd(name: string): string {
  let end = name.length;
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end -= 1;
  return name.slice(0, end);
}

/**
 * The components of a path, checked again: a path forged by a cast must not reach a file system. CW_DISK_NAME, and
 * CW_DISK_NOT_FOUND for the private folder.
 */
export function checkedNames(path: RelPath): Name[] {
  const names = namesOf(parseRelPath(path));
  for (const name of names) {
    if (!name.isWellFormed()) throw new CausewayError('CW_DISK_NAME', 'a name is not valid Unicode');
    if (isPrivateName(name)) throw new CausewayError('CW_DISK_NOT_FOUND', `${path} does not exist`);
  }
  return names;
}

/** The folder of a path and its last component. CW_DISK_BUSY for the root, which can be neither made, renamed nor removed. */
export function checkedPlace(path: RelPath): { readonly parents: Name[]; readonly name: Name } {
  const names = checkedNames(path);
  const name = names.pop();
  if (name === undefined) throw new CausewayError('CW_DISK_BUSY', 'the root of a tree stays as it is');
  return { parents: names, name };
}
