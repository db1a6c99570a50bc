import { LIMITS } from '../base/limits.ts';
import type { Name } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { Dir } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import type { ContentCheck } from './checksum/content_check.ts';
import type { FolderGroup } from './folder_groups.ts';
import type { FreshFolders } from './fresh_folders.ts';
import type { LinkingParts } from './link_dest/reference.ts';
import type { LookAhead } from './look_ahead.ts';
import type { MetadataRules } from './metadata.ts';
import { SAME_OWNER } from './pack_jobs.ts';
import { ownersOf } from './pack_writer.ts';
import type { NumberedEntry } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';
import type { UndoKeeper } from './undo/keeper.ts';
import type { VersionsThere } from './versions_there.ts';

/** Planned files that may stand at their destination already. */
export interface CandidateColumns {
  readonly folders: Uint8Array;
  readonly names: readonly Name[];
  readonly sizes: Float64Array;
  readonly mtimesNs: BigInt64Array;
  readonly modes: Uint16Array;
  /** User and group of each, as of FinishColumns. */
  readonly owners: Uint32Array;
}

/** Where a copy goes, as far as looking for what is there needs it. */
export interface LookedAt {
  readonly root: Dir;
  readonly dirs: DirCache;
  readonly offload: Offload;
  readonly meter: StageMeter;
  readonly rules: MetadataRules;
  /** Hears of owners, modes and attributes before they are changed; null: they are not kept. */
  readonly undo: UndoKeeper | null;
  readonly ignoreTimes: boolean;
  /** Compares contents; null: equal size and time are trusted. */
  readonly contents: ContentCheck | null;
  /** An earlier copy whose files become those of this one; null: there is none. */
  readonly linking: LinkingParts | null;
  /** No other version of a file is looked for. */
  readonly wholeFile: boolean;
  readonly versions: VersionsThere;
  /** What was seen while the plan came; null: nobody has looked. */
  readonly ahead: LookAhead | null;
  /** Nothing stands there. */
  readonly fresh: FreshFolders;
  readonly signal: AbortSignal;
}

/** From this size on, finding out what changed costs less than sending it. */
export const LARGE_BYTES = LIMITS.deltaFileMinBytes.value;

export function isLarge(entry: PlanEntry): boolean {
  return entry.sizeBytes >= LARGE_BYTES;
}

export function columnsOf(
  { items }: FolderGroup<NumberedEntry>,
  { ownership }: MetadataRules,
): CandidateColumns {
  const owners = ownersOf(items.map(({ item }) => ({ owner: ownership.wanted(item.entry) })));
  return {
    folders: Uint8Array.from(items, ({ folder }) => folder),
    names: items.map(({ name }) => name),
    sizes: Float64Array.from(items, ({ item }) => item.entry.sizeBytes),
    mtimesNs: BigInt64Array.from(items, ({ item }) => item.entry.mtimeNs),
    modes: Uint16Array.from(items, ({ item }) => ownership.modeOf(item.entry)),
    owners: owners ?? new Uint32Array(2 * items.length).fill(SAME_OWNER),
  };
}
