import type { EntryDetails } from '../tree/entry_details.ts';
import type { PlanEntry, PlanKind } from '../wire/copy_types.ts';
import type { SpecialFile, Stat } from '../world/disk.ts';

const SPECIAL_NAMES: Readonly<Record<SpecialFile['type'], string>> = {
  fifo: 'a named pipe (fifo)',
  socket: 'a socket',
  characterDevice: 'a character device',
  blockDevice: 'a block device',
  unknown: 'a special file',
};

/** In words, why an entry that is neither file, folder nor link is not copied. */
export function specialText({ special }: Stat): string {
  const { type, major, minor } = special ?? { type: 'unknown', major: 0, minor: 0 };
  const number = type.endsWith('Device') ? ` ${major}:${minor}` : '';
  return `${SPECIAL_NAMES[type]}${number} is not copied`;
}

/** The entry of the plan for what was found. */
export function toEntry(
  path: string,
  found: { readonly stat: Stat; readonly linkTarget: string; readonly details: EntryDetails },
): PlanEntry {
  const { stat, linkTarget, details } = found;
  const { xattrs, dataBytes } = details;
  return {
    path,
    kind: stat.kind as PlanKind,
    sizeBytes: stat.kind === 'file' ? stat.sizeBytes : 0,
    mode: stat.mode & 0o7777,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.inode,
    linkTarget,
    userId: stat.userId,
    groupId: stat.groupId,
    ...(xattrs && { xattrs }),
    ...(dataBytes !== undefined && { dataBytes: Math.min(dataBytes, stat.sizeBytes) }),
  };
}
