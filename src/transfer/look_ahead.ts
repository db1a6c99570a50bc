import { asCausewayError } from '../base/errors.ts';
import { type Name, type RelPath, splitRel } from '../base/path.ts';
import { PlanPage } from '../wire/plan_page.ts';
import type { Dir } from '../world/disk.ts';
import type { Job, Offload } from '../world/offload.ts';
import type { PlainStat, WholeFiles } from '../world/whole_files.ts';
import { EntryBytes } from './entry_bytes.ts';
import { FreshFolders } from './fresh_folders.ts';
import { JobFolders } from './job_folders.ts';
import { hasNoLists } from './metadata.ts';
import type { AddedPage } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';

/**
 * What stands where a planned file or folder goes. Of the same one, bits tell what else is as it was at the source; of a
 * folder also that it has no access lists.
 */
export const SEEN = {
  unknown: 0,
  nothing: 1,
  other: 2,
  same: 4,
  sameMode: 1,
  sameOwner: 2,
  bare: 8,
} as const;

/** What a page was looked for with; `absent` are folders that are not there. */
interface LookedPage {
  readonly seen: Uint8Array;
  readonly absent: readonly RelPath[];
}

/**
 * Looks for the files and folders of a page of the plan; gives what is seen of each. `slots` says of each entry in which of
 * the folders below `root`, counted from 1; 0: nobody asks for it.
 */
export const lookPageJob: Job<
  {
    readonly root: Dir;
    readonly folders: readonly RelPath[];
    readonly names: Uint8Array;
    readonly rows: Uint8Array;
    readonly slots: Uint16Array;
  },
  LookedPage
> = {
  name: 'look-page',
  async run({ root, folders, names, rows, slots }, { whole }) {
    const page = new PlanPage({ folders: [], names, rows, more: [] });
    const seen = new Uint8Array(page.count);
    const absent: RelPath[] = [];
    await using open = new JobFolders(root);
    let last = 0;
    let dir: Dir | string = '';
    for (let at = 0; at < slots.length; at += 1) {
      const slot = slots[at]!;
      if (slot === 0) continue;
      if (slot !== last) {
        const folder = folders[slot - 1]!;
        dir = await openOrCode(open, folder);
        if (dir === GONE) absent.push(folder);
        last = slot;
      }
      if (typeof dir === 'string') {
        seen[at] = dir === GONE ? SEEN.nothing : SEEN.unknown;
        continue;
      }
      const place: Place = { dir, name: page.name(at) as Name };
      if (page.kind(at) === 'directory') seen[at] = await lookAtFolder(place, page, at);
      else seen[at] = lookQuickly(place, page, at, whole) ?? (await look(place, page, at));
    }
    return { seen, absent };
  },
};

const GONE = 'CW_DISK_NOT_FOUND';

/** The folder, or the code of why it cannot be opened. */
async function openOrCode(open: JobFolders, folder: RelPath): Promise<Dir | string> {
  try {
    return await open.at(folder);
  } catch (failure) {
    return asCausewayError(failure).code;
  }
}

/** Where it cannot be looked at, the copy tells why when it wants to make it. */
async function lookAtFolder({ dir, name }: Place, page: PlanPage, at: number): Promise<number> {
  try {
    const stat = await dir.stat(name);
    if (stat.kind !== 'directory') return SEEN.other;
    const seen = compared({ ...stat, sizeBytes: page.sizeBytes(at) }, page, at);
    return seen >= SEEN.same && (await hasNoLists(dir.caps.xattrsOf(name))) ? seen | SEEN.bare : seen;
  } catch (failure) {
    return asCausewayError(failure).code === GONE ? SEEN.nothing : SEEN.unknown;
  }
}

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
  /** The folder that takes the copy. */
  readonly root: Dir;
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

  /** Begins to look for the entries of the next page of the plan. Resolves when the next one may come. */
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
    if (this.#isOver) return;
    const { root, offload, meter } = this.#parts;
    const { page, first, columns } = added;
    const folders: RelPath[] = [];
    const slots = new Uint16Array(page.count);
    for (const [folder, entries] of placesIn(added)) {
      const isAbsent = this.#absent.has(folder);
      const slot = isAbsent ? 0 : folders.push(folder);
      for (const at of entries)
        if (isAbsent) this.#seen.set(first + at, SEEN.nothing);
        else slots[at] = slot;
    }
    if (folders.length === 0) return;
    const { names, rows } = columns;
    const { seen, absent } = await meter.run('destinationRead', 0, () =>
      offload.run(lookPageJob, { root, folders, names, rows, slots }),
    );
    meter.goesOn();
    for (const folder of absent) this.#absent.add(folder);
    for (let at = 0; at < seen.length; at += 1) if (slots[at] !== 0) this.#seen.set(first + at, seen[at]!);
  }
}

/** Which files and folders go to which folder; not those that have another name there. */
function placesIn({ page, targetOf }: AddedPage): Map<RelPath, number[]> {
  const places = new Map<RelPath, number[]>();
  let last: { readonly folder: number; readonly entries: number[] } | undefined;
  for (let at = 0; at < page.count; at += 1) {
    const kind = page.kind(at);
    if (kind !== 'file' && kind !== 'directory') continue;
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
