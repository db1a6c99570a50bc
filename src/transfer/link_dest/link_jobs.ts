import { asCausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import type { CandidateColumns } from '../candidates.ts';
import { isRefusal } from '../metadata.ts';
import { SAME_OWNER } from '../pack_jobs.ts';

/** What the earlier copy has of a planned file. */
export const REFERENCE = { nothing: 0, same: 1, other: 2 } as const;

/**
 * Looks for planned files in an earlier copy: the same file has size, time, mode and owner of the planned one and no
 * attributes, unless `described` says that these are compared elsewhere. Changes nothing.
 */
export const lookInReferenceJob: Job<
  {
    readonly folders: readonly Dir[];
    readonly files: CandidateColumns;
    /** 1: the planned file has attributes. */
    readonly described: Uint8Array;
    readonly ignoreTimes: boolean;
  },
  { readonly found: Uint8Array; readonly inodes: readonly string[] }
> = {
  name: 'look-in-reference',
  async run({ folders, files, described, ignoreTimes }) {
    const found = new Uint8Array(files.names.length);
    const inodes: string[] = files.names.map(() => '');
    for (const [at, name] of files.names.entries()) {
      const dir = folders[files.folders[at]!]!;
      try {
        const stat = await dir.stat(name);
        if (stat.kind !== 'file') continue;
        inodes[at] = stat.inode;
        const isSame = !ignoreTimes && isPlanned(stat, files, at);
        const isBare = described[at] === 1 || !isSame || (await hasNoAttributes(dir, name));
        found[at] = isSame && isBare ? REFERENCE.same : REFERENCE.other;
      } catch {
        found[at] = REFERENCE.nothing; // what cannot be looked at there is copied as without it
      }
    }
    return { found, inodes };
  },
};

function isPlanned(stat: Stat, files: CandidateColumns, at: number): boolean {
  const [userId, groupId] = [files.owners[2 * at]!, files.owners[2 * at + 1]!];
  return (
    stat.sizeBytes === files.sizes[at] &&
    stat.mtimeNs === files.mtimesNs[at] &&
    stat.mode === files.modes[at] &&
    (userId === SAME_OWNER || (stat.userId === userId && stat.groupId === groupId))
  );
}

async function hasNoAttributes(dir: Dir, name: Name): Promise<boolean> {
  try {
    const names = (await dir.caps.xattrsOf(name)?.list()) ?? [];
    return !names.some(isCarried);
  } catch (failure) {
    if (!isRefusal(asCausewayError(failure).code)) throw failure;
    return true;
  }
}

/** Attributes that a user gives; others are the system's own. */
export function isCarried(name: string): boolean {
  return name.startsWith('user.') || name.startsWith('system.posix_acl_');
}

export const LINKED = { refused: 0, done: 1, exists: 2 } as const;

/** Gives files of an earlier copy the same name in the folder beside it of the same place in the list. */
export const linkFilesJob: Job<
  {
    readonly from: readonly Dir[];
    readonly to: readonly Dir[];
    readonly folders: Uint8Array;
    readonly names: readonly Name[];
  },
  Uint8Array
> = {
  name: 'link-files',
  async run({ from, to, folders, names }) {
    const outcomes = new Uint8Array(names.length);
    for (const [at, name] of names.entries()) {
      const folder = folders[at]!;
      try {
        await from[folder]!.caps.links?.link(name, to[folder]!, name);
        if (from[folder]!.caps.links !== null) outcomes[at] = LINKED.done;
      } catch (failure) {
        // any other file is copied, and if that fails too the copy tells why
        if (asCausewayError(failure).code === 'CW_DISK_EXISTS') outcomes[at] = LINKED.exists;
      }
    }
    return outcomes;
  },
};
