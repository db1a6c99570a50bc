import { LIMITS } from '../base/limits.ts';
import { type Name, splitRel } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { Dir } from '../world/disk.ts';
import type { Job, Offload } from '../world/offload.ts';
import { type FolderGroup, groupByFolder } from './folder_groups.ts';
import type { FinalAttrs } from './publish.ts';
import { MARK, type NumberedEntry, type SinkPlan } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';

/** Planned files that may stand at their destination already. */
export interface CandidateColumns {
  readonly folders: Uint8Array;
  readonly names: readonly Name[];
  readonly sizes: Float64Array;
  readonly mtimesNs: BigInt64Array;
  readonly modes: Uint16Array;
}

/** A byte for each file: 1 where a file of that size and modification time stands there. Its mode is set where it differs. */
export const unchangedJob: Job<
  { readonly folders: readonly Dir[]; readonly files: CandidateColumns },
  Uint8Array
> = {
  name: 'unchanged',
  async run({ folders, files }) {
    const same = new Uint8Array(files.names.length);
    for (const [at, name] of files.names.entries()) {
      const planned = { sizeBytes: files.sizes[at]!, mtimeNs: files.mtimesNs[at]!, mode: files.modes[at]! };
      same[at] = (await isUnchanged(folders[files.folders[at]!]!, name, planned)) ? 1 : 0;
    }
    return same;
  },
};

/** What cannot be looked at, or not be given its mode, counts as changed. */
async function isUnchanged(dir: Dir, name: Name, planned: FinalAttrs): Promise<boolean> {
  const { sizeBytes, mtimeNs, mode } = planned;
  try {
    const stat = await dir.stat(name);
    if (stat.kind !== 'file' || stat.sizeBytes !== sizeBytes || stat.mtimeNs !== mtimeNs) return false;
    if (stat.mode !== mode) await dir.setAttrs(name, { mode, mtimeNs });
    return true;
  } catch {
    return false; // it is copied then, and if that fails too the copy tells why
  }
}

/** Where a copy goes, as far as looking for what is there needs it. */
export interface LookedAt {
  readonly root: Dir;
  readonly dirs: DirCache;
  readonly offload: Offload;
  readonly meter: StageMeter;
  readonly signal: AbortSignal;
}

/** What the destination has already. */
export interface Unchanged {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Marks the files of which the destination has the planned size and time already, by the rule that rsync made usual.
 * They are stable when this resolves: whoever put them there, perhaps an attempt of this copy that failed, need not
 * have seen to it. Where they cannot be made so, none counts as unchanged.
 */
export async function markUnchanged(plan: SinkPlan, place: LookedAt): Promise<Unchanged> {
  let files = 0;
  let bytes = 0;
  for (const page of plan.pages(MARK.file, MARK.emptyFile)) {
    throwIfAborted(place.signal);
    for (const { index, entry } of await unchangedOf(page, place)) {
      plan.setMark(index, MARK.unchanged);
      files += 1;
      bytes += entry.sizeBytes;
    }
  }
  const isStable = await place.meter
    .run('destinationFlush', 0, () => makeStable(plan, files, place))
    .catch(() => false); // the copy of them tells what is wrong
  if (isStable) return { files, bytes };
  for (const file of plan.marked(MARK.unchanged)) plan.resetMark(file);
  return { files: 0, bytes: 0 };
}

async function unchangedOf(
  files: readonly NumberedEntry[],
  { dirs, offload, meter }: LookedAt,
): Promise<NumberedEntry[]> {
  const unchanged: NumberedEntry[] = [];
  for (const group of groupByFolder(files, (file) => file.target)) {
    const look = () =>
      dirs.useAll(group.folders, (folders) =>
        offload.run(unchangedJob, { folders, files: columnsOf(group) }),
      );
    const same = await meter.run('verify', 0, look).catch(() => new Uint8Array(group.items.length)); // a folder that cannot be opened is told when its files are written
    meter.goesOn();
    for (const [at, { item }] of group.items.entries()) if (same[at] === 1) unchanged.push(item);
  }
  return unchanged;
}

function columnsOf({ items }: FolderGroup<NumberedEntry>): CandidateColumns {
  return {
    folders: Uint8Array.from(items, ({ folder }) => folder),
    names: items.map(({ name }) => name),
    sizes: Float64Array.from(items, ({ item }) => item.entry.sizeBytes),
    mtimesNs: BigInt64Array.from(items, ({ item }) => item.entry.mtimeNs),
    modes: Uint16Array.from(items, ({ item }) => item.entry.mode),
  };
}

async function makeStable(
  plan: SinkPlan,
  count: number,
  { root, dirs, meter, signal }: LookedAt,
): Promise<boolean> {
  if (count >= LIMITS.flushAllFromFiles.value && (await root.syncFileSystem())) return true;
  for (const page of plan.pages(MARK.unchanged)) {
    throwIfAborted(signal);
    for (const { target } of page) {
      await dirs.useParent(target, async (dir, name) => {
        await using file = await dir.openFile(name, 'read');
        await file.datasync();
      });
      meter.goesOn();
    }
    const parents = new Set(page.map(({ target }) => splitRel(target).parent));
    for (const parent of parents) await dirs.use(parent, (dir) => dir.sync());
  }
  return true;
}
