import { hashBytes } from '../../base/hash.ts';
import type { RelPath } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { ChunkMap } from '../chunk_map.ts';
import { partialName } from '../temporary_name.ts';
import { contentMark, inodeMark, linkMark } from './identity.ts';
import { statOrNull } from './keep_job.ts';
import type { Placing } from './keeper.ts';

const EMPTY = hashBytes(new Uint8Array(0));

/** A complete file that waits for its name. */
export interface ReadyFile {
  readonly target: RelPath;
  readonly key: Uint8Array;
  readonly entry: { readonly sizeBytes: number; readonly mtimeNs: bigint };
  readonly chunks: ChunkMap;
}

/**
 * What a file is known by once it is in place: a small one by its content, which costs no look at the disk, a large one
 * by the inode of its partial file too, so that it need not be read. Null where that is gone: then it is not placed either.
 */
export async function placingOf(file: ReadyFile, isSmall: boolean, store: Dir): Promise<Placing | null> {
  const { target, key, entry, chunks } = file;
  const { sizeBytes, mtimeNs } = entry;
  const common = { target, kind: 'file' as const, sizeBytes, mtimeNs };
  if (isSmall) {
    const mark = contentMark(chunks.count === 0 ? EMPTY : chunks.hashes());
    return { ...common, mark, byChunks: false, inode: null };
  }
  const stat = await statOrNull(store, partialName(key));
  if (stat === null) return null;
  return { ...common, mark: contentMark(chunks.root()), byChunks: true, inode: inodeMark(stat.inode) };
}

/** The same for a symlink. */
export function linkPlacing(target: RelPath, linkTarget: string, mtimeNs: bigint): Placing {
  const mark = linkMark(linkTarget);
  return { target, kind: 'symlink', sizeBytes: 0, mtimeNs, mark, byChunks: false, inode: null };
}
