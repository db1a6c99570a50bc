import { LIMITS } from '../base/limits.ts';
import { parseRelPath, type RelPath } from '../base/path.ts';
import { decodePlanPage } from '../wire/copy_messages.ts';
import type { PlanEntry, PlanKind } from '../wire/copy_types.ts';
import { type PlanColumns, PlanPage } from '../wire/plan_page.ts';
import { EntryBytes } from './entry_bytes.ts';
import type { PlanSpool } from './plan_spool.ts';

/** A planned entry and where it goes. */
export interface Placed {
  readonly entry: PlanEntry;
  readonly target: RelPath;
}

export interface NumberedEntry extends Placed {
  readonly index: number;
}

/** A page that was added to the plan. */
export interface AddedPage {
  readonly page: PlanPage;
  readonly columns: PlanColumns;
  /** Number of its first entry. */
  readonly first: number;
  /** Where an entry of it goes, by its place in the page. */
  readonly targetOf: (at: number) => RelPath;
}

/** What is left to do for an entry. */
export const MARK = {
  /** Nothing, or nothing that this mark knows of: it is in place, was given up, or is not there. */
  nothing: 0,
  folder: 1,
  symlink: 2,
  emptyFile: 3,
  file: 4,
  /** A file that stands at the destination as planned, as far as can be seen. */
  unchanged: 5,
  /** A file of which there is a SinkFile. */
  begun: 6,
  /** One more name of a file. */
  hardLink: 7,
  /** A file that was given up, or that the source has replaced by another since it was planned. */
  lost: 8,
} as const;
export type Mark = (typeof MARK)[keyof typeof MARK];

/** Where an entry of the plan goes. */
export type TargetOf = (entry: Pick<PlanEntry, 'path'>) => RelPath;

/** The plan of a copy as the sink needs it: a byte for each entry says what is left to do, the rest is in the spool. */
export class SinkPlan {
  readonly #spool: PlanSpool;
  readonly #targetOf: TargetOf;
  readonly #isRenamed: () => boolean;
  /** The page whose folders were placed last, and where they are; null: not placed yet. */
  #placed: { readonly page: PlanPage; readonly folders: (RelPath | null)[] } | null = null;
  readonly #marks = new EntryBytes();
  #added: AddedPage | null = null;
  #largest: PlanEntry | null = null;
  #bytes = 0;
  #dataBytes = 0;

  /**
   * `targetOf` throws for a path that has no place at the destination; while nothing `isRenamed`, an entry of a folder
   * has its place in the place of the folder.
   */
  constructor(spool: PlanSpool, targetOf: TargetOf, isRenamed: () => boolean = () => false) {
    this.#spool = spool;
    this.#targetOf = targetOf;
    this.#isRenamed = isRenamed;
  }

  get entries(): number {
    return this.#spool.entries;
  }

  /** What was added last. */
  get added(): AddedPage | null {
    return this.#added;
  }

  /** Whether entries have other names at the destination. */
  get isRenamed(): boolean {
    return this.#isRenamed();
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same without their holes. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** The largest file; null where there is none. */
  get largest(): PlanEntry | null {
    return this.#largest;
  }

  /**
   * Takes the next page, and it as an encoded message. Gives how many of its entries are files. CW_LIMIT where the plan
   * becomes too large, CW_DISK_NAME and CW_COPY_NAME_ILLEGAL for an entry that cannot have its place.
   */
  add(message: Uint8Array, columns?: PlanColumns): number {
    const page = columns === undefined ? decodePlanPage(message) : new PlanPage(columns);
    if (columns !== undefined)
      this.#added = { page, columns, first: this.entries, targetOf: (at) => this.#target(page, at) };
    this.#spool.add(message, page.count, page);
    let files = 0;
    const placed = page.folders.map((_, folder) => this.#placesAll(page, folder));
    for (let at = 0; at < page.count; at += 1) {
      if (!placed[page.folder(at)]) this.#target(page, at);
      const kind = page.kind(at);
      const sizeBytes = page.sizeBytes(at);
      this.#marks.push(firstMark(kind, sizeBytes));
      if (kind !== 'file') continue;
      files += 1;
      this.#bytes += sizeBytes;
      this.#dataBytes += page.dataBytes(at);
      if (this.#largest === null || sizeBytes > this.#largest.sizeBytes) this.#largest = page.entry(at);
    }
    return files;
  }

  mark(index: number): Mark {
    return this.#marks.get(index) as Mark;
  }

  setMark(index: number, mark: Mark): void {
    this.#marks.set(index, mark);
  }

  /** Back to what it was before anything was done for it. */
  resetMark({ index, entry }: Omit<NumberedEntry, 'target'>): void {
    this.#marks.set(index, firstMark(entry.kind, entry.sizeBytes));
  }

  /** The first entry from `from` on that has the mark; -1 where there is none. */
  find(mark: Mark, from: number): number {
    return this.#marks.find(mark, from);
  }

  /** How many entries have the mark. */
  count(mark: Mark): number {
    let count = 0;
    for (let at = this.find(mark, 0); at >= 0; at = this.find(mark, at + 1)) count += 1;
    return count;
  }

  /** Numbers of the entries that have the mark, in order. */
  *numbers(mark: Mark): Generator<number> {
    for (let at = this.find(mark, 0); at >= 0; at = this.find(mark, at + 1)) yield at;
  }

  entry(index: number): NumberedEntry {
    const at = this.#spool.pageOf(index);
    return this.#numbered(this.#spool.page(at), index, index - this.#spool.firstOf(at));
  }

  #numbered(page: PlanPage, index: number, at: number): NumberedEntry {
    return { index, entry: page.entry(at), target: this.#target(page, at) };
  }

  /** Where an entry goes: below the place of its folder. */
  #target(page: PlanPage, at: number): RelPath {
    const folder = page.folder(at);
    if (page.folders[folder] === '' || this.#isRenamed()) return this.#targetOf({ path: page.path(at) });
    const target = `${this.#folderPlace(page, folder)}/${page.name(at)}`;
    return isShort(target) ? (target as RelPath) : parseRelPath(target);
  }

  /** Where a folder of a page goes, which is looked up once. */
  #folderPlace(page: PlanPage, folder: number): RelPath {
    if (this.#placed?.page !== page) this.#placed = { page, folders: page.folders.map(() => null) };
    const { folders } = this.#placed;
    const place = folders[folder] ?? this.#targetOf({ path: page.folders[folder]! });
    folders[folder] = place;
    return place;
  }

  /** Whether the place of a folder tells that all in it have one: names were checked with the page. */
  #placesAll(page: PlanPage, folder: number): boolean {
    if (page.folders[folder] === '' || this.#isRenamed()) return false;
    const place = this.#folderPlace(page, folder);
    return 3 * place.length + 1 + LIMITS.nameMaxBytes.value <= LIMITS.pathMaxBytes.value;
  }

  pageOf(index: number): number {
    return this.#spool.pageOf(index);
  }

  /** Entries that have one of the marks, page by page in order; pages without any are left out. */
  *pages(...marks: readonly Mark[]): Generator<NumberedEntry[]> {
    for (let page = 0; page < this.#spool.pages; page += 1) {
      const wanted = this.#marked(page, marks);
      if (wanted.length === 0) continue;
      const decoded = this.#spool.page(page);
      const first = this.#spool.firstOf(page);
      yield wanted.map((index) => this.#numbered(decoded, index, index - first));
    }
  }

  /** All entries, in order. */
  *all(): Generator<NumberedEntry> {
    for (const page of this.pages(...Object.values(MARK))) yield* page;
  }

  /** All pages as they are, with the number of the first entry of each, in order. */
  *wholePages(): Generator<{ readonly page: PlanPage; readonly first: number }> {
    for (let at = 0; at < this.#spool.pages; at += 1)
      yield { page: this.#spool.page(at), first: this.#spool.firstOf(at) };
  }

  /** Entries that have the mark, in order. */
  *marked(mark: Mark): Generator<NumberedEntry> {
    for (const page of this.pages(mark)) yield* page;
  }

  /** The same from the last to the first. */
  *markedBackwards(mark: Mark): Generator<NumberedEntry> {
    for (let page = this.#spool.pages - 1; page >= 0; page -= 1)
      for (const index of this.#marked(page, [mark]).reverse()) yield this.entry(index);
  }

  #marked(page: number, marks: readonly Mark[]): number[] {
    const wanted: number[] = [];
    const end = this.#spool.firstOf(page + 1);
    for (let index = this.#spool.firstOf(page); index < end; index += 1)
      if (marks.includes(this.mark(index))) wanted.push(index);
    return wanted;
  }
}

/** A path whose text alone tells that it is not too long; its names were checked with the page. */
function isShort(path: string): boolean {
  return 3 * path.length <= LIMITS.pathMaxBytes.value;
}

function firstMark(kind: PlanKind, sizeBytes: number): Mark {
  if (kind === 'directory') return MARK.folder;
  if (kind === 'symlink') return MARK.symlink;
  if (kind === 'hardLink') return MARK.hardLink;
  return sizeBytes === 0 ? MARK.emptyFile : MARK.file;
}
