import { asCausewayError, CausewayError, type ErrorCode } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import type { TreeNode } from './file_tree.ts';
import { ReplacementFile } from './replacement_file.ts';
import { Staging } from './staging.ts';

/** Where a file goes, and where it is written before. */
export interface PutPlace {
  readonly root: Dir;
  readonly parents: readonly Name[];
  readonly name: Name;
  readonly stageName: Name;
}

/** Opens a folder below `root`, name by name. */
export async function openBelow(root: Dir, names: readonly Name[]): Promise<Dir> {
  let dir = await root.clone();
  for (const name of names) {
    const outer = dir;
    try {
      dir = await outer.openDir(name);
    } finally {
      await outer.close();
    }
  }
  return dir;
}

/** A new file that takes its name when it is published; what stands there is a regular file, or nothing. CW_DISK_*. */
export async function openReplacement({
  root,
  parents,
  name,
  stageName,
}: PutPlace): Promise<ReplacementFile> {
  const dir = await openBelow(root, parents);
  try {
    const there = await unlessGone(dir.stat(name));
    if (there !== null && there.kind !== 'file')
      throw new CausewayError(codeOfKind(there.kind), `${name} is no regular file`);
    const stage = await new Staging(root).place(dir);
    const file = await stage.openFile(stageName, 'create', there?.mode);
    return new ReplacementFile({ file, stage, stageName, dir, name });
  } catch (failure) {
    await dir.close();
    throw failure;
  }
}

/** All that a small file takes to stand under its name, flushed, in one go: see {@link openReplacement}. */
export const putFileJob: Job<
  PutPlace & { readonly bytes: Uint8Array; readonly mtimeNs: bigint | null },
  TreeNode
> = {
  name: 'put-file',
  async run({ bytes, mtimeNs, ...place }) {
    await using file = await openReplacement(place);
    await file.write(bytes, 0);
    if (mtimeNs !== null) await file.setTime(mtimeNs);
    return await file.publish();
  },
};

/** Null where nothing is there (any more). */
async function unlessGone(looking: Promise<Stat>): Promise<Stat | null> {
  try {
    return await looking;
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}

function codeOfKind(kind: string): ErrorCode {
  if (kind === 'directory') return 'CW_DISK_IS_DIRECTORY';
  return kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_UNSUPPORTED';
}
