import type { Name } from '../../base/path.ts';
import type { UndoAttrs } from '../../wire/undo_record.ts';
import type { Dir } from '../../world/disk.ts';
import type { MetadataRules } from '../metadata.ts';
import type { Placed } from '../sink_plan.ts';
import { xattrChanges } from './xattr_changes.ts';

/**
 * What a file that stays is about to lose of its owner, mode and attributes; null where that is nothing. CW_DISK_*, and
 * CW_UNDO_IMPOSSIBLE where it does not fit into a record.
 */
export async function attrsRecord(
  dir: Dir,
  name: Name,
  { entry, target }: Placed,
  rules: MetadataRules,
): Promise<UndoAttrs | null> {
  const { sizeBytes, mtimeNs, mode, userId, groupId } = await dir.stat(name);
  const owner = rules.ownership.wanted(entry) ?? { userId, groupId };
  const newMode = rules.ownership.modeOf(entry);
  const wanted = rules.xattrsOf(entry);
  const xattrs = wanted.length > 0 ? await xattrChanges(dir.caps.xattrsOf(name), wanted, false) : [];
  const isOwned = owner.userId === userId && owner.groupId === groupId;
  if (isOwned && mode === newMode && xattrs.length === 0) return null;
  const owners = { userId, groupId, newUserId: owner.userId, newGroupId: owner.groupId };
  return { type: 'attrs', path: target, sizeBytes, mtimeNs, mode, newMode, ...owners, xattrs };
}
