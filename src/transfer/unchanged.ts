import type { Name } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { Dir } from '../world/disk.ts';
import type { Job, Offload } from '../world/offload.ts';
import { groupByFolder } from './folder_groups.ts';
import type { SinkFile } from './sink_state.ts';

/** A planned file that may stand at its destination already. */
export interface Candidate {
  readonly folder: number;
  readonly name: Name;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
}

/** A byte for each file: 1 where a file of that size and modification time stands there. Its mode is set where it differs. */
export const unchangedJob: Job<
  { readonly folders: readonly Dir[]; readonly files: readonly Candidate[] },
  Uint8Array
> = {
  name: 'unchanged',
  async run({ folders, files }) {
    const same = new Uint8Array(files.length);
    for (const [at, file] of files.entries())
      same[at] = (await isUnchanged(folders[file.folder]!, file)) ? 1 : 0;
    return same;
  },
};

/** What cannot be looked at, or not be given its mode, counts as changed. */
async function isUnchanged(dir: Dir, file: Candidate): Promise<boolean> {
  try {
    const stat = await dir.stat(file.name);
    if (stat.kind !== 'file' || stat.sizeBytes !== file.sizeBytes || stat.mtimeNs !== file.mtimeNs)
      return false;
    if (stat.mode !== file.mode) await dir.setAttrs(file.name, { mode: file.mode, mtimeNs: file.mtimeNs });
    return true;
  } catch {
    return false; // it is copied then, and if that fails too the copy tells why
  }
}

/** The files of which the destination has the planned size and time already, by the rule that rsync made usual. */
export async function* unchangedFiles(
  files: Iterable<SinkFile>,
  dirs: DirCache,
  offload: Offload,
): AsyncGenerator<SinkFile> {
  for (const group of groupByFolder(files, (file) => file.target)) {
    const candidates = group.items.map(({ item, folder, name }): Candidate => {
      const { sizeBytes, mtimeNs, mode } = item.entry;
      return { folder, name, sizeBytes, mtimeNs, mode };
    });
    const same = await dirs
      .useAll(group.folders, (folders) => offload.run(unchangedJob, { folders, files: candidates }))
      .catch(() => new Uint8Array(candidates.length)); // a folder that cannot be opened is told when its files are written
    for (const [at, { item }] of group.items.entries()) if (same[at] === 1) yield item;
  }
}
