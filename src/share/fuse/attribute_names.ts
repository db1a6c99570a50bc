/**
 * Whether an extended attribute can be reached from another machine: what programs keep for themselves, and access lists
 * where they name the same users on both. The rest gives rights on the machine that has the folder.
 */
export function isFarAttribute(name: string, hasAcls: boolean): boolean {
  return name.startsWith('user.') || (hasAcls && name.startsWith('system.posix_acl_'));
}
