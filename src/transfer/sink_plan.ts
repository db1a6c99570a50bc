import type { RelPath } from '../base/path.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
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

/** The plan of a copy as the sink needs it: a byte for each entry says what is left to do, the rest is in the spool. */
export class SinkPlan {
  readonly #spool: PlanSpool;
  readonly #targetOf: (entry: PlanEntry) => RelPath;
  readonly #marks = new EntryBytes();
  #largest: PlanEntry | null = null;
  #bytes = 0;
  #dataBytes = 0;

  /** `targetOf` throws for an entry that has no place at the destination. */
  constructor(spool: PlanSpool, targetOf: (entry: PlanEntry) => RelPath) {
    this.#spool = spool;
    this.#targetOf = targetOf;
  }

  get entries(): number {
    return this.#spool.entries;
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
   * Takes the next entries, which `page` holds as an encoded message. Gives how many of them are files. CW_LIMIT where
   * the plan becomes too large, CW_DISK_NAME and CW_COPY_NAME_ILLEGAL for an entry that cannot have its place.
   */
  add(entries: readonly PlanEntry[], page: Uint8Array): number {
    this.#spool.add(page, entries.length);
    let files = 0;
    for (const entry of entries) {
      this.#targetOf(entry);
      this.#marks.push(firstMark(entry));
      if (entry.kind !== 'file') continue;
      files += 1;
      this.#bytes += entry.sizeBytes;
      this.#dataBytes += entry.dataBytes ?? entry.sizeBytes;
      if (this.#largest === null || entry.sizeBytes > this.#largest.sizeBytes) this.#largest = entry;
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
    this.#marks.set(index, firstMark(entry));
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
    const entry = this.#spool.entry(index);
    return { index, entry, target: this.#targetOf(entry) };
  }

  pageOf(index: number): number {
    return this.#spool.pageOf(index);
  }

  /** Entries that have one of the marks, page by page in order; pages without any are left out. */
  *pages(...marks: readonly Mark[]): Generator<NumberedEntry[]> {
    for (let page = 0; page < this.#spool.pages; page += 1) {
      const wanted = this.#marked(page, marks);
      if (wanted.length > 0) yield wanted.map((index) => this.entry(index));
    }
  }

  /** All entries, in order. */
  *all(): Generator<NumberedEntry> {
    for (const page of this.pages(...Object.values(MARK))) yield* page;
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

function firstMark({ kind, sizeBytes }: PlanEntry): Mark {
  if (kind === 'directory') return MARK.folder;
  if (kind === 'symlink') return MARK.symlink;
  if (kind === 'hardLink') return MARK.hardLink;
  return sizeBytes === 0 ? MARK.emptyFile : MARK.file;
}
