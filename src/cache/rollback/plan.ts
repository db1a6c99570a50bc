import { type BatchRecord, doneRecords, type Seen, type Taken } from './batch_records.ts';

const KIND_MASK = 0o170000;
const KIND_FOLDER = 0o040000;

/** A batch as its log tells it. */
export interface Batch {
  readonly number: number;
  readonly records: readonly BatchRecord[];
}

/** What is to stand under a path before anything is undone; null: nothing. Of folders only the key counts. */
export interface Expected {
  readonly path: string;
  readonly seen: Seen | null;
}

/** A record that is to be undone. */
export interface UndoStep {
  readonly batch: number;
  readonly record: BatchRecord;
}

export interface RollbackPlan {
  /** In the order in which they are to be done. */
  readonly steps: readonly UndoStep[];
  readonly expected: readonly Expected[];
  /** Folders that go, with the names that may be in them. */
  readonly folders: readonly { readonly path: string; readonly names: ReadonlySet<string> }[];
  /** Files that are kept under other names, as they are to be. */
  readonly kept: readonly {
    readonly batch: number;
    readonly kept: string;
    readonly seen: Seen;
    readonly path: string;
  }[];
  /** Paths that others have changed between two batches. */
  readonly conflicts: readonly string[];
  /** Files as the batches have left them. */
  readonly last: readonly Seen[];
  /** Batches that are of no more use after it. */
  readonly consumed: readonly number[];
}

export const isFolder = ({ mode }: Pick<Seen, 'mode'>) => (mode & KIND_MASK) === KIND_FOLDER;

/** The same content and attributes, as far as can be told without reading it. */
export function isSameSeen(one: Seen, other: Seen): boolean {
  if (one.key !== other.key) return false;
  if (isFolder(one)) return true;
  if (!isSameContent(one, other)) return false;
  // what has further names has a new time of change once one of them goes, which may be one that was kept
  if (one.links > 1 || other.links > 1)
    return one.mode === other.mode && one.userId === other.userId && one.groupId === other.groupId;
  return one.ctimeNs === other.ctimeNs;
}

/** The same, of what got a further name or lost one meanwhile. */
export function isSameContent(one: Seen, other: Seen): boolean {
  return one.sizeBytes === other.sizeBytes && one.mtimeNs === other.mtimeNs;
}

/**
 * How a folder is returned to what it was before batch `to`. `batches` are all that there are, the oldest first. A rollback that lies
 * between is passed over: what it left is what was there before the batches that it took back.
 */
export function planRollback(batches: readonly Batch[], to: number): RollbackPlan {
  const range = batches.filter(({ number }) => number >= to);
  const fold = new Fold();
  for (const batch of range)
    if (batch.number !== to && isRollback(batch.records)) fold.returned(batch);
    else fold.add(batch);
  const steps: UndoStep[] = [];
  for (const { number, records } of [...range].reverse()) {
    if (number !== to && isRollback(records)) continue;
    for (const record of doneRecords(records).reverse())
      if (UNDONE.has(record.do)) steps.push({ batch: number, record });
  }
  const [first] = range;
  const takesAll = first !== undefined && isRollback(first.records);
  const consumed = (takesAll ? batches : range).map(({ number }) => number);
  return { steps, ...fold.result(), consumed };
}

export function isRollback(records: readonly BatchRecord[]): boolean {
  const [begin] = records;
  return begin?.do === 'begin' && begin.to !== undefined;
}

const UNDONE: ReadonlySet<BatchRecord['do']> = new Set([
  'image',
  'bytes',
  'made',
  'remove',
  'rename',
  'exchange',
  'value',
]);

/** What batches after each other come to: which names they have changed, and what is to stand there now. */
class Fold {
  /** What stands under a path that was changed; null: nothing. */
  readonly #names = new Map<string, Seen | null>();
  /** What the last batch left of a file. */
  readonly #last = new Map<string, Seen>();
  readonly #madeFolders = new Set<string>();
  readonly #kept = new Map<string, { batch: number; kept: string; seen: Seen; path: string }>();
  readonly #conflicts = new Set<string>();

  add({ number, records }: Batch): void {
    const touched = new Map<string, string>();
    for (const record of doneRecords(records)) this.#take(number, record, touched);
  }

  /** A rollback: names are what they were before the batches that it took back; folders that it made anew are others. */
  returned(batch: Batch): void {
    const own = new Fold();
    own.add(batch);
    for (const [path, seen] of own.#names) {
      const known = this.#names.get(path);
      if (known === undefined) continue;
      this.#names.set(path, seen);
      if (known !== null && seen !== null && this.#madeFolders.has(known.key))
        this.#madeFolders.add(seen.key);
    }
    for (const [key, seen] of own.#last) this.#last.set(key, seen);
  }

  result(): Omit<RollbackPlan, 'steps' | 'consumed'> {
    const expected: Expected[] = [];
    for (const [path, seen] of this.#names)
      expected.push({ path, seen: seen === null ? null : (this.#last.get(seen.key) ?? seen) });
    const folders = [...this.#names].flatMap(([path, seen]) =>
      seen !== null && this.#madeFolders.has(seen.key) ? [{ path, names: this.#namesIn(path) }] : [],
    );
    const kept = [...this.#kept.values()].map((one) => ({
      ...one,
      seen: this.#last.get(one.seen.key) ?? one.seen,
    }));
    return { expected, folders, kept, conflicts: [...this.#conflicts], last: [...this.#last.values()] };
  }

  #take(batch: number, record: BatchRecord, touched: Map<string, string>): void {
    switch (record.do) {
      case 'image':
        this.#claim(record.path, record.seen);
        if (!touched.has(record.seen.key)) this.#version(record.path, record.seen);
        touched.set(record.seen.key, record.path);
        break;
      case 'value':
        this.#claim(record.path, record.seen);
        break;
      case 'made':
        this.#claim(record.path, null);
        this.#names.set(record.path, record.seen);
        touched.set(record.seen.key, record.path);
        if (isFolder(record.seen)) this.#madeFolders.add(record.seen.key);
        break;
      case 'remove':
        this.#taken(batch, record.path, record, touched);
        this.#names.set(record.path, null);
        break;
      case 'rename':
        this.#claim(record.from, record.seen);
        if (!touched.has(record.seen.key)) this.#version(record.from, record.seen);
        touched.set(record.seen.key, record.to);
        if (record.replaced === null) this.#claim(record.to, null);
        else this.#taken(batch, record.to, record.replaced, touched);
        this.#move(record.from, record.to, record.seen);
        break;
      case 'exchange':
        this.#claim(record.from, record.seen);
        this.#claim(record.to, record.other);
        touched.set(record.seen.key, record.to);
        touched.set(record.other.key, record.from);
        this.#exchange(record.from, record.to, record.seen, record.other);
        break;
      case 'left':
        this.#last.set(record.seen.key, record.seen);
        break;
      case 'end':
        for (const seen of record.after) this.#last.set(seen.key, seen);
        break;
      default:
        break;
    }
  }

  #taken(batch: number, path: string, { seen, kept }: Taken, touched: Map<string, string>): void {
    this.#claim(path, seen);
    if (!touched.has(seen.key) && !isFolder(seen)) this.#version(path, seen);
    if (kept !== null) this.#kept.set(`${batch}/${kept}`, { batch, kept, seen, path });
  }

  /** That stands there before what the record tells of. */
  #claim(path: string, seen: Seen | null): void {
    const known = this.#names.get(path);
    if (known === undefined) this.#names.set(path, seen);
    else if (known?.key !== seen?.key) {
      this.#conflicts.add(path);
      this.#names.set(path, seen);
    }
  }

  #version(path: string, seen: Seen): void {
    const last = this.#last.get(seen.key);
    if (last !== undefined && !isSameSeen(last, seen)) this.#conflicts.add(path);
  }

  #move(from: string, to: string, seen: Seen): void {
    const below = isFolder(seen) ? this.#below(from) : new Map<string, Seen | null>();
    for (const path of below.keys()) this.#names.delete(path);
    for (const [path, one] of below) this.#names.set(to + path.slice(from.length), one);
    this.#names.set(from, null);
    this.#names.set(to, seen);
  }

  #exchange(from: string, to: string, seen: Seen, other: Seen): void {
    const [ofFrom, ofTo] = [this.#below(from), this.#below(to)];
    for (const path of [...ofFrom.keys(), ...ofTo.keys()]) this.#names.delete(path);
    for (const [path, one] of ofFrom) this.#names.set(to + path.slice(from.length), one);
    for (const [path, one] of ofTo) this.#names.set(from + path.slice(to.length), one);
    this.#names.set(to, seen);
    this.#names.set(from, other);
  }

  #below(folder: string): Map<string, Seen | null> {
    return new Map([...this.#names].filter(([path]) => path.startsWith(`${folder}/`)));
  }

  #namesIn(folder: string): Set<string> {
    const names = new Set<string>();
    for (const [path, seen] of this.#below(folder)) {
      const name = path.slice(folder.length + 1);
      if (seen !== null && !name.includes('/')) names.add(name);
    }
    return names;
  }
}

/** How many steps of a rollback its records tell as done. */
export function doneCount(records: readonly BatchRecord[]): number {
  let count = 0;
  for (const record of records) if (record.do === 'step') count = record.count;
  return count;
}
