import { hashBytes } from '../../base/hash.ts';
import type { RelPath } from '../../base/path.ts';
import { UNDO_MARK_BYTES } from '../../wire/undo_record.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import type { ChunkMap } from '../chunk_map.ts';
import { type Temporary, temporaryOf } from '../temporary_name.ts';
import { contentMark, inodeMark, linkMark } from './identity.ts';
import { statOrNull } from './keep_job.ts';
import type { Placing } from './keeper.ts';

const EMPTY = hashBytes(new Uint8Array(0));

/** A complete file that waits for its name. */
export interface ReadyFile extends Temporary {
  readonly target: RelPath;
  readonly entry: { readonly sizeBytes: number; readonly mtimeNs: bigint };
  readonly chunks: ChunkMap;
}

/** What a small file is known by once it is in place: its content, which costs no look at the disk. */
export function smallPlacing({ target, entry, chunks }: ReadyFile): Placing {
  const { sizeBytes, mtimeNs } = entry;
  const mark = contentMark(chunks.count === 0 ? EMPTY : chunks.hashes());
  return { target, kind: 'file', sizeBytes, mtimeNs, mark, byChunks: false, inode: null };
}

/** The same for a large one: by the inode of its partial file too, so that it need not be read. */
export async function largePlacing(file: ReadyFile, store: Dir): Promise<Placing> {
  const { target, entry, chunks } = file;
  const { sizeBytes, mtimeNs } = entry;
  const stat = await statOrNull(store, temporaryOf(file)); // of an empty file none was made yet
  const inode = stat && inodeMark(stat.inode);
  const mark = contentMark(chunks.root());
  return { target, kind: 'file', sizeBytes, mtimeNs, mark, byChunks: true, inode };
}

/** The same for a symlink. */
export function linkPlacing(target: RelPath, linkTarget: string, mtimeNs: bigint): Placing {
  const mark = linkMark(linkTarget);
  return { target, kind: 'symlink', sizeBytes: 0, mtimeNs, mark, byChunks: false, inode: null };
}

/** The same for a further name of a file, or a copy of it, that is known by its attributes alone. */
export function placedAs(
  target: RelPath,
  { sizeBytes, mtimeNs, inode }: Pick<Stat, 'sizeBytes' | 'mtimeNs' | 'inode'>,
): Placing {
  const mark = new Uint8Array(UNDO_MARK_BYTES); // no content has it
  return { target, kind: 'file', sizeBytes, mtimeNs, mark, byChunks: false, inode: inodeMark(inode) };
}

/** Where the copy takes an entry away: no content has this mark, so that whatever stands there later is somebody else's. */
export function nothingAt(target: RelPath): Placing {
  const mark = new Uint8Array(UNDO_MARK_BYTES);
  return { target, kind: 'file', sizeBytes: 0, mtimeNs: 0n, mark, byChunks: true, inode: null };
}
