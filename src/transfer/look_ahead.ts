import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, type RelPath, splitRel } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import { PlanPage } from '../wire/plan_page.ts';
import type { Dir } from '../world/disk.ts';
import type { Job, Offload } from '../world/offload.ts';
import type { PlainStat, WholeFiles } from '../world/whole_files.ts';
import { EntryBytes } from './entry_bytes.ts';
import { FreshFolders } from './fresh_folders.ts';
import type { AddedPage } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';

/** What stands where a planned file goes. Of the same file, bits tell what else is as it was at the source. */
export const SEEN = { unknown: 0, nothing: 1, other: 2, same: 4, sameMode: 1, sameOwner: 2 } as const;

/**
 * Looks for the files of a page of the plan; gives what is seen of each. `slots` says of each entry in which of the
 * folders, counted from 1; 0: nobody asks for it.
 */
export const lookPageJob: Job<
  {
    readonly folders: readonly Dir[];
    readonly names: Uint8Array;
    readonly rows: Uint8Array;
    readonly slots: Uint8Array;
  },
  Uint8Array
> = {
  name: 'look-page',
  async run({ folders, names, rows, slots }, { whole }) {
    const page = new PlanPage({ folders: [], names, rows, more: [] });
    const seen = new Uint8Array(page.count);
    for (let at = 0; at < slots.length; at += 1) {
      const slot = slots[at]!;
      if (slot === 0) continue;
      const place: Place = { dir: folders[slot - 1]!, name: page.name(at) as Name };
      seen[at] = lookQuickly(place, page, at, whole) ?? (await look(place, page, at));
    }
    return seen;
  },
};

interface Place {
  readonly dir: Dir;
  readonly name: Name;
}

const FOUND: PlainStat = {
  kind: 'file',
  sizeBytes: 0,
  mode: 0,
  mtimeNs: 0n,
  ctimeNs: 0n,
  inode: 0n,
  userId: 0,
  groupId: 0,
};

function lookQuickly(
  { dir, name }: Place,
  page: PlanPage,
  at: number,
  whole: WholeFiles | null,
): number | null {
  const found = whole === null ? 'other' : whole.look(dir, name, FOUND, false);
  if (found === 'gone') return SEEN.nothing;
  return found === 'plain' ? compared(FOUND, page, at) : null;
}

async function look({ dir, name }: Place, page: PlanPage, at: number): Promise<number> {
  try {
    const stat = await dir.stat(name);
    return stat.kind === 'file' ? compared(stat, page, at) : SEEN.nothing;
  } catch {
    return SEEN.nothing; // it is copied then, and if that fails too the copy tells why
  }
}

function compared(
  { sizeBytes, mtimeNs, mode, userId, groupId }: Omit<PlainStat, 'kind' | 'ctimeNs' | 'inode'>,
  page: PlanPage,
  at: number,
): number {
  if (sizeBytes !== page.sizeBytes(at) || mtimeNs !== page.mtimeNs(at)) return SEEN.other;
  const owner = page.owner(at);
  const isOwned = owner !== null && owner.userId === userId && owner.groupId === groupId;
  return SEEN.same | (mode === page.mode(at) ? SEEN.sameMode : 0) | (isOwned ? SEEN.sameOwner : 0);
}

export interface LookAheadParts {
  readonly dirs: DirCache;
  readonly offload: Offload;
  readonly meter: StageMeter;
}

/** Pages that are looked for at the same time: one, while the next arrives. */
const PAGES_AT_ONCE = 2;

/**
 * Looks at the destination while the plan still comes, so that the source's walk and this go on side by side. It makes
 * and changes nothing. What it could not see is `unknown`.
 */
export class LookAhead {
  readonly #parts: LookAheadParts;
  readonly #seen = new EntryBytes();
  readonly #running = new Set<Promise<void>>();
  /** Folders that are not there, the topmost of each tree. */
  readonly #absent = new FreshFolders();
  #isOver = false;

  constructor(parts: LookAheadParts) {
    this.#parts = parts;
  }

  /** What was seen of an entry. */
  of(index: number): number {
    return this.#seen.get(index);
  }

  /** Begins to look for the files of the next page of the plan. Resolves when the next one may come. */
  async take(added: AddedPage): Promise<void> {
    for (let at = 0; at < added.page.count; at += 1) this.#seen.push(SEEN.unknown);
    const work = this.#look(added).catch(() => undefined); // it is looked for again when the plan is whole
    this.#running.add(work);
    void work.then(() => this.#running.delete(work));
    if (this.#running.size >= PAGES_AT_ONCE) await Promise.race(this.#running);
  }

  /** Resolves when all that was begun is seen. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Begins nothing more, and waits for what goes on. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.settled();
  }

  async #look(added: AddedPage): Promise<void> {
    const wanted = placesIn(added);
    const there: RelPath[] = [];
    for (const [folder, entries] of wanted) {
      if (this.#isOver) return;
      if (await this.#isThere(folder)) there.push(folder);
      else if (this.#absent.has(folder))
        for (const at of entries) this.#seen.set(added.first + at, SEEN.nothing);
    }
    const most = LIMITS.packFoldersMax.value;
    for (let from = 0; from < there.length && !this.#isOver; from += most)
      await this.#lookIn(there.slice(from, from + most), wanted, added);
  }

  /** False where it is not there or cannot be opened. */
  async #isThere(folder: RelPath): Promise<boolean> {
    if (this.#absent.has(folder)) return false;
    try {
      await this.#parts.dirs.use(folder, async () => undefined);
      return true;
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') this.#absent.add(folder);
      return false;
    }
  }

  async #lookIn(
    folders: readonly RelPath[],
    wanted: ReadonlyMap<RelPath, readonly number[]>,
    { page, first, columns }: AddedPage,
  ): Promise<void> {
    const { dirs, offload, meter } = this.#parts;
    const slots = new Uint8Array(page.count);
    for (const [at, folder] of folders.entries())
      for (const entry of wanted.get(folder)!) slots[entry] = at + 1;
    const { names, rows } = columns;
    const seen = await meter.run('destinationRead', 0, () =>
      dirs.useAll(folders, (opened) => offload.run(lookPageJob, { folders: opened, names, rows, slots })),
    );
    meter.goesOn();
    for (let at = 0; at < seen.length; at += 1) if (slots[at] !== 0) this.#seen.set(first + at, seen[at]!);
  }
}

/** Which files go to which folder; not those that have another name there. */
function placesIn({ page, targetOf }: AddedPage): Map<RelPath, number[]> {
  const places = new Map<RelPath, number[]>();
  let last: { readonly folder: number; readonly entries: number[] } | undefined;
  for (let at = 0; at < page.count; at += 1) {
    if (page.kind(at) !== 'file') continue;
    const folder = page.folder(at);
    if (last?.folder !== folder || page.folders[folder] === '') {
      const { parent, name } = splitRel(targetOf(at));
      if (name !== page.name(at)) continue;
      const entries = places.get(parent) ?? [];
      places.set(parent, entries);
      last = { folder, entries };
    }
    last.entries.push(at);
  }
  return places;
}
