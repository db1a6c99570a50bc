import { observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath, type RelPath, ROOT_PATH } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import { DetailReader, type EntryDetails, readXattrs } from '../tree/entry_details.ts';
import type { Problem } from '../wire/copy_types.ts';
import { asHardLink, type PlanColumns, PlanPage, PlanPageWriter } from '../wire/plan_page.ts';
import type { Offload } from '../world/offload.ts';
import { withCarriedTime } from './carried_time.ts';
import { PARTIAL_FOLDER } from './destination.ts';
import { HardLinkNames } from './hard_link_names.ts';
import { toEntry } from './plan_entry.ts';
import { planWalkJob, type WalkedPage, type WalkFrame } from './plan_walk.ts';
import type { SourceRoot } from './source_roots.ts';

/** One page of a plan; `roots` says for each entry from which source it comes. */
export interface PlannedPage {
  readonly columns: PlanColumns;
  readonly page: PlanPage;
  readonly roots: readonly number[];
}

export interface PlanTotals {
  entries: number;
  bytes: number;
  readonly problems: Problem[];
}

export interface LookOptions {
  readonly signal: AbortSignal;
  /** Patterns of what is passed over in each source. */
  readonly exclude?: readonly string[] | undefined;
  readonly offload: Offload;
  /** Runs each look at the disk, for whoever measures how long they take. */
  readonly looking: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Walks the sources and yields the plan in pages, folders before what they hold; what cannot be copied goes to
 * `totals.problems`. Throws CW_CANCELLED, CW_LIMIT.
 */
export async function* planPages(
  roots: readonly SourceRoot[],
  totals: PlanTotals,
  options: LookOptions,
): AsyncGenerator<PlannedPage> {
  const names = new HardLinkNames();
  for await (const { page: found, shared, roots: rootOf } of allPages(roots, totals.problems, options)) {
    const columns = withHardLinks({ page: found, shared }, names, totals.entries);
    const page = new PlanPage(columns);
    totals.entries += page.count;
    for (let at = 0; at < page.count; at += 1) totals.bytes += page.sizeBytes(at);
    if (totals.entries > LIMITS.manifestEntriesMax.value)
      throw new CausewayError('CW_LIMIT', 'the copy has too many entries');
    yield { columns, page, roots: rootOf };
  }
  if (names.forgotten > 0) totals.problems.push(names.problem());
}

type FoundPage = WalkedPage & { readonly roots: readonly number[] };

/** Sources that are single files share pages; a folder begins a page of its own. */
async function* allPages(
  roots: readonly SourceRoot[],
  problems: Problem[],
  options: LookOptions,
): AsyncGenerator<FoundPage> {
  const own = new OwnPage();
  for (const [root, source] of roots.entries()) {
    const prefix = source.info.contents ? ROOT_PATH : parseRelPath(source.info.name);
    if (!source.info.contents) {
      const details = await detailsOfRoot(source);
      if (details.fault) problems.push({ path: prefix, ...details.fault });
      const stat = withCarriedTime(prefix, source.stat, problems);
      if (stat !== null) own.add(toEntry(prefix, { stat, linkTarget: '', details }), stat, root);
    }
    if (own.isFull || (source.fileName === null && own.count > 0)) yield own.take();
    if (source.fileName !== null) continue;
    for await (const page of walkedPages(source, prefix, problems, options))
      yield { ...page, roots: new Array<number>(new PlanPage(page.page).count).fill(root) };
  }
  if (own.count > 0) yield own.take();
}

/** The sources themselves. */
class OwnPage {
  readonly #writer = new PlanPageWriter();
  #shared: WalkedPage['shared'][number][] = [];
  #roots: number[] = [];

  get count(): number {
    return this.#writer.count;
  }

  get isFull(): boolean {
    return this.#writer.isFull;
  }

  add(entry: ReturnType<typeof toEntry>, stat: SourceRoot['stat'], root: number): void {
    const { deviceId, inode, linkCount } = stat;
    if (entry.kind === 'file' && linkCount > 1)
      this.#shared.push({ at: this.#writer.count, deviceId, inode, linkCount });
    this.#writer.add(entry);
    this.#roots.push(root);
  }

  take(): FoundPage {
    const page = { page: this.#writer.take(), shared: this.#shared, roots: this.#roots };
    this.#shared = [];
    this.#roots = [];
    return page;
  }
}

/** Pages of what is below a folder. While one piece of the walk is worked off, the next is under way. */
async function* walkedPages(
  { dir }: SourceRoot,
  prefix: RelPath,
  problems: Problem[],
  { signal, offload, looking, exclude }: LookOptions,
): AsyncGenerator<WalkedPage> {
  const piece = (frames: readonly WalkFrame[] | null) => {
    const args = { dir, prefix, skipName: PARTIAL_FOLDER, exclude, frames: frames?.map(firstBlock) ?? null };
    return observed(looking(() => offload.run(planWalkJob, args)));
  };
  let frames: readonly WalkFrame[] = [];
  for (let next: ReturnType<typeof piece> | null = piece(null); next !== null; ) {
    const walked = await next;
    throwIfAborted(signal);
    problems.push(...walked.problems);
    frames = walked.frames.map((frame, at) => joined(frame, frames[at]));
    next = frames.length > 0 ? piece(frames) : null;
    yield* walked.pages;
  }
}

/** What a piece of work gets of a folder: few names, however many there are. */
function firstBlock({ path, blocks }: WalkFrame): WalkFrame {
  return { path, blocks: blocks.slice(0, 1), goesOn: blocks.length > 1 };
}

/** What a piece of work has left of a folder, with the blocks that it did not get. */
function joined(left: WalkFrame, before: WalkFrame | undefined): WalkFrame {
  if (before?.path !== left.path) return left;
  return { ...left, blocks: [...left.blocks, ...before.blocks.slice(1)] };
}

/** The page with its further names of files; `first` is the number of its first entry. */
function withHardLinks({ page, shared }: WalkedPage, names: HardLinkNames, first: number): PlanColumns {
  if (shared.length === 0) return page;
  let columns = page;
  const entries = new PlanPage(page);
  for (const stat of shared) {
    const { kind, linkTarget, first: of } = names.place(entries.entry(stat.at), stat, first + stat.at);
    if (kind === 'hardLink') columns = asHardLink(columns, stat.at, { linkTarget, first: of! });
  }
  return columns;
}

async function detailsOfRoot({ dir, fileName, stat }: SourceRoot): Promise<EntryDetails> {
  if (fileName !== null) return new DetailReader(dir).of(fileName, stat);
  return (await readXattrs(dir.caps.ownXattrs)) ?? {};
}
