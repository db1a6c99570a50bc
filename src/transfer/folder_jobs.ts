import { asCausewayError, CausewayError } from '../base/errors.ts';
import { type Name, type RelPath, splitRel } from '../base/path.ts';
import type { Xattr } from '../wire/copy_types.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { XattrStore } from '../world/disk_caps.ts';
import type { Job } from '../world/offload.ts';
import { FreshFolders } from './fresh_folders.ts';
import { JobFolders } from './job_folders.ts';
import {
  ACCESS_LIST,
  type Described,
  giveMetadata,
  isRefusal,
  type Metadata,
  type Missing,
} from './metadata.ts';
import { type JobFailure, ownerAt } from './pack_jobs.ts';
import { statOrNull } from './undo/keep_job.ts';

/**
 * Makes folders below `root`, parents first. Of those in `fresh` folders (1) nothing can stand there. Gives 1 for each that
 * was made, 0 for one that was there or is among the failures: CW_COPY_KIND, CW_DISK_*.
 */
export const makeFoldersJob: Job<
  { readonly root: Dir; readonly targets: readonly RelPath[]; readonly fresh: Uint8Array },
  { readonly made: Uint8Array; readonly failures: readonly JobFailure[] }
> = {
  name: 'make-folders',
  async run({ root, targets, fresh }) {
    const made = new Uint8Array(targets.length);
    const failures: JobFailure[] = [];
    const mine = new FreshFolders();
    await using open = new JobFolders(root);
    for (const [at, target] of targets.entries()) {
      try {
        const { parent, name } = splitRel(target);
        const isAlone = fresh[at] === 1 || mine.holds(target);
        if (!(await makeFolder(await open.at(parent), name, isAlone))) continue;
        made[at] = 1;
        mine.add(target);
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { made, failures };
  },
};

/** True when the folder was made, false when it was there: most were when a copy is repeated, and a look costs less than a refusal. */
async function makeFolder(dir: Dir, name: Name, isAlone: boolean): Promise<boolean> {
  if (!isAlone && (await statOrNull(dir, name))?.kind === 'directory') return false;
  try {
    await dir.makeDir(name, 0o700);
    return true;
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
  }
  const stat = await dir.stat(name);
  if (stat.kind === 'directory') return false;
  throw new CausewayError(
    'CW_COPY_KIND',
    `a ${stat.kind} stands at the destination where the source has a folder`,
  );
}

/** Folders and what they get, column by column. */
export interface FolderColumns {
  readonly targets: readonly RelPath[];
  readonly modes: Uint16Array;
  readonly mtimesNs: BigInt64Array;
  /** User and group of each. */
  readonly owners: Uint32Array;
  /** 1: the copy has made it. */
  readonly fresh: Uint8Array;
  /** 1: it has no access lists in the end. */
  readonly plain: Uint8Array;
}

/** Gives folders below `root` their metadata, in their order. `missing` lack something. */
export const finishFoldersJob: Job<
  { readonly root: Dir; readonly folders: FolderColumns },
  {
    readonly failures: readonly JobFailure[];
    readonly missing: readonly { readonly at: number; readonly missing: Missing }[];
  }
> = {
  name: 'finish-folders',
  async run({ root, folders }) {
    const failures: JobFailure[] = [];
    const lacking: { at: number; missing: Missing }[] = [];
    await using open = new JobFolders(root);
    for (const [at, target] of folders.targets.entries()) {
      const metadata: Metadata = {
        mode: folders.modes[at]!,
        mtimeNs: folders.mtimesNs[at]!,
        owner: ownerAt(folders.owners, at),
        xattrs: [],
      };
      const state = { isFresh: folders.fresh[at] === 1, isPlain: folders.plain[at] === 1 };
      try {
        const { parent, name } = splitRel(target);
        const missing = await finishFolder({ dir: await open.at(parent), name, ...state }, metadata);
        if (missing.length > 0) lacking.push({ at, missing });
      } catch (failure) {
        failures.push(failureAt(at, failure));
      }
    }
    return { failures, missing: lacking };
  },
};

/** Makes the names in folders below `root` outlive a power cut. CW_DISK_*. */
export const syncFoldersJob: Job<
  { readonly root: Dir; readonly folders: readonly RelPath[] },
  { readonly synced: number }
> = {
  name: 'sync-folders',
  async run({ root, folders }) {
    await using open = new JobFolders(root);
    for (const folder of folders) await (await open.at(folder)).sync();
    return { synced: folders.length };
  },
};

export interface FolderState {
  readonly dir: Dir;
  readonly name: Name;
  /** The copy has made it: it has nothing of what it is to have. */
  readonly isFresh: boolean;
  /** It has no access lists in the end but those that are given: it may have one from the folder it was made in. */
  readonly isPlain: boolean;
}

/** Gives a folder its metadata; one that has it is left alone, as most are when a copy is repeated. */
export async function finishFolder(
  { dir, name, isFresh, isPlain }: FolderState,
  metadata: Metadata,
): Promise<Missing> {
  const store = dir.caps.xattrsOf(name);
  if (isPlain) await removeAccessLists(store, metadata.xattrs);
  if (!isFresh && metadata.xattrs.length === 0 && hasAll(await dir.stat(name), metadata)) return [];
  const folder: Described = { xattrs: store, setAttrs: (patch) => dir.setAttrs(name, patch) };
  return giveMetadata(folder, metadata);
}

function hasAll(stat: Stat, { owner, mode, mtimeNs }: Metadata): boolean {
  const isOwned = owner === null || (stat.userId === owner.userId && stat.groupId === owner.groupId);
  return isOwned && stat.kind === 'directory' && stat.mode === mode && stat.mtimeNs === mtimeNs;
}

async function removeAccessLists(store: XattrStore | null, planned: readonly Xattr[]): Promise<void> {
  if (store === null) return;
  try {
    for (const name of await store.list())
      if (name.startsWith(ACCESS_LIST) && !planned.some((xattr) => xattr.name === name))
        await store.remove(name);
  } catch (failure) {
    if (!isRefusal(asCausewayError(failure).code)) throw failure;
  }
}

function failureAt(at: number, thrown: unknown): JobFailure {
  const { code, message } = asCausewayError(thrown);
  return { at, code, message };
}
