import type { Name } from '../../base/path.ts';
import type { UndoAttrs } from '../../wire/undo_record.ts';
import type { Dir } from '../../world/disk.ts';
import { sameTime } from './identity.ts';
import { statOrNull } from './keep_job.ts';
import { isAccessList, restoreXattrs } from './xattr_changes.ts';

/**
 * Gives a file its owner, mode and attributes back, each where what the copy gave stands there still. `changed`: the file
 * is not the one that the record speaks of.
 */
export async function restoreAttrs(
  dir: Dir,
  name: Name,
  record: UndoAttrs,
): Promise<'restored' | 'before' | 'changed'> {
  const { sizeBytes, mtimeNs, mode, newMode, userId, groupId, newUserId, newGroupId, xattrs } = record;
  const stat = await statOrNull(dir, name);
  if (stat === null) return 'before';
  if (stat.kind !== 'file' || stat.sizeBytes !== sizeBytes || !sameTime(stat.mtimeNs, mtimeNs))
    return 'changed';
  const changesOwner = userId !== newUserId || groupId !== newGroupId;
  const isGiven = changesOwner && stat.userId === newUserId && stat.groupId === newGroupId;
  if (isGiven) await dir.setAttrs(name, { userId, groupId });
  await restoreXattrs(dir.caps.xattrsOf(name), xattrs);
  // an owner and an access list change mode bits too, so that after a half-done undo the mode is not the one that was given
  const changesMode = changesOwner || xattrs.some((xattr) => isAccessList(xattr.name));
  if (stat.mode === mode && !changesMode) return xattrs.length > 0 ? 'restored' : 'before';
  // under another name of the same file a copy may have given it another mode in between
  if (stat.mode !== newMode && !changesMode && stat.linkCount === 1) return 'changed';
  await dir.setAttrs(name, { mode });
  return 'restored';
}
