import { equalBytes, utf8 } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import { UNDO_INODE_BYTES, UNDO_MARK_BYTES, type UndoEntry } from '../../wire/undo_record.ts';
import type { Stat } from '../../world/disk.ts';

/** What a new entry is known by later; see {@link UndoEntry}. */
export type UndoMark = Pick<UndoEntry, 'kind' | 'sizeBytes' | 'mtimeNs' | 'mark' | 'byChunks' | 'inode'>;

const NS_PER_S = 1_000_000_000n;
/** Time resolution of the coarsest file systems (FAT). */
const COARSE_NS = 2n * NS_PER_S;

/** The start of a hash of a whole content, in the same memory. */
export function contentMark(hash: Uint8Array): Uint8Array {
  return hash.subarray(0, UNDO_MARK_BYTES);
}

export function inodeMark(inode: string): Uint8Array {
  return hashBytes(utf8(`inode:${inode}`)).slice(0, UNDO_INODE_BYTES);
}

export function linkMark(target: string): Uint8Array {
  return contentMark(hashBytes(utf8(target)));
}

/** Whether the attributes alone rule out (`no`) or prove (`yes`) that this is what the copy put there; else its content tells. */
export function isNewByAttrs(stat: Stat, mark: UndoMark): 'yes' | 'no' | 'perhaps' {
  if (stat.kind !== mark.kind) return 'no';
  if (mark.kind === 'symlink') return 'perhaps';
  if (stat.sizeBytes !== mark.sizeBytes) return 'no';
  return hasInode(stat, mark.inode) && sameTime(stat.mtimeNs, mark.mtimeNs) ? 'yes' : 'perhaps';
}

export function hasInode(stat: Stat, inode: Uint8Array | null): boolean {
  return inode !== null && equalBytes(inodeMark(stat.inode), inode);
}

/** A file system that knows whole seconds only has rounded the time it was given. */
export function sameTime(found: bigint, given: bigint): boolean {
  if (found === given) return true;
  const apart = found > given ? found - given : given - found;
  return found % NS_PER_S === 0n && apart <= COARSE_NS;
}

/** The same entry under two names. */
export function sameEntry(a: Stat, b: Stat): boolean {
  return a.inode === b.inode && a.deviceId === b.deviceId;
}
