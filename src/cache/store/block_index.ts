import { SlotTable } from './slot_table.ts';
import type { FileVersion } from './store_types.ts';

/** Blocks of one file that have a number: files of up to 8 TiB with blocks of 128 KiB. */
export const FILE_BLOCKS_MAX = 2 ** 26;
const REFS_MAX = 2 ** 27;
const NONE = 0xffff_ffff;
/** In place of the key of a block that is not there yet. */
const TAKEN = -1;

/** A file of which something is kept. */
export interface IndexedFile extends FileVersion {
  readonly ref: number;
  blocks: number;
  /** The index on the disk knows it by its number. */
  isLogged: boolean;
  /** The slot of one of its blocks; the others follow it. */
  head: number;
}

/** Which block of which file lies in which slot: 16 bytes for a slot, up to a quarter more while it grows, and a table. */
export class BlockIndex {
  readonly #files = new Map<string, IndexedFile>();
  readonly #byRef = new Map<number, IndexedFile>();
  /** What lies in each slot: a key, 0 for nothing, or {@link TAKEN}. */
  readonly #slots = new SlotTable();
  #next: Uint32Array;
  #previous: Uint32Array;
  readonly #free: number[] = [];
  #end = 0;
  #lastRef = 0;

  constructor() {
    [this.#next, this.#previous] = [new Uint32Array(0), new Uint32Array(0)];
  }

  /** Slots that were ever used: the file with the blocks is that long at most. */
  get end(): number {
    return this.#end;
  }

  get files(): number {
    return this.#files.size;
  }

  get blocks(): number {
    return this.#slots.count;
  }

  /** What it takes in memory, but for the files. */
  get indexBytes(): number {
    return this.#slots.indexBytes + this.#next.byteLength + this.#previous.byteLength;
  }

  file(key: string): IndexedFile | undefined {
    return this.#files.get(key);
  }

  /** Of that file no other version may be there. Null where numbers are used up. */
  add({ file, version, sizeBytes }: FileVersion): IndexedFile | null {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    if (this.#lastRef >= REFS_MAX) return null;
    this.#lastRef += 1;
    const made: IndexedFile = {
      file,
      version,
      sizeBytes,
      ref: this.#lastRef,
      blocks: 0,
      isLogged: false,
      head: NONE,
    };
    this.#files.set(file, made);
    this.#byRef.set(made.ref, made);
    return made;
  }

  /** A number for a block, by which it is known elsewhere. */
  static keyOf(file: { readonly ref: number }, block: number): number {
    return file.ref * FILE_BLOCKS_MAX + block;
  }

  /** Where it lies; -1 where it does not. */
  slotOf(key: number): number {
    return this.#slots.find(key);
  }

  /** What lies there; -1 where nothing does. */
  keyAt(slot: number): number {
    const key = slot < this.#end ? (this.#slots.keys[slot] as number) : -1;
    return key > 0 ? key : -1;
  }

  /** A slot that is free, below `limit`, and no other's until {@link place} or {@link giveBack}; -1 where there is none. */
  takeFree(limit: number): number {
    for (let slot = this.#free.pop(); slot !== undefined; slot = this.#free.pop())
      if (slot < this.#end && slot < limit && this.#slots.keys[slot] === 0) return this.#take(slot);
    if (this.#end >= limit) return -1;
    this.#reach(this.#end);
    return this.#take(this.#end - 1);
  }

  /** A slot that was taken is not used after all. */
  giveBack(slot: number): void {
    if (slot >= this.#end) return;
    this.#slots.keys[slot] = 0;
    this.#free.push(slot);
  }

  #take(slot: number): number {
    this.#slots.keys[slot] = TAKEN;
    return slot;
  }

  place(file: IndexedFile, block: number, slot: number): void {
    this.#reach(slot);
    const key = BlockIndex.keyOf(file, block);
    this.#slots.keys[slot] = key;
    this.#slots.add(slot);
    this.#previous[slot] = NONE;
    this.#next[slot] = file.head;
    if (file.head !== NONE) this.#previous[file.head] = slot;
    file.head = slot;
    file.blocks += 1;
  }

  /** The slot is free from now on; a file of which nothing is left is forgotten. */
  remove(slot: number): void {
    const key = this.keyAt(slot);
    if (key < 0) return;
    const file = this.#byRef.get(Math.floor(key / FILE_BLOCKS_MAX)) as IndexedFile;
    const [next, previous] = [this.#next[slot] as number, this.#previous[slot] as number];
    if (previous === NONE) file.head = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#slots.remove(slot);
    this.#slots.keys[slot] = 0;
    this.#free.push(slot);
    file.blocks -= 1;
    if (file.blocks === 0) this.forget(file);
  }

  /** A file of which nothing is kept. */
  forget(file: IndexedFile): void {
    if (file.blocks > 0 || this.#byRef.get(file.ref) !== file) return;
    this.#files.delete(file.file);
    this.#byRef.delete(file.ref);
  }

  /** Forgets a file; the keys and slots that it had. */
  drop(file: IndexedFile): { readonly key: number; readonly slot: number }[] {
    const dropped: { readonly key: number; readonly slot: number }[] = [];
    for (let slot = file.head; slot !== NONE; slot = file.head) {
      dropped.push({ key: this.keyAt(slot), slot });
      this.remove(slot);
    }
    this.forget(file);
    return dropped;
  }

  /** What lies from that slot on is gone; the slots that were used. */
  cut(end: number): number[] {
    const used: number[] = [];
    for (let slot = end; slot < this.#end; slot += 1) {
      if (this.keyAt(slot) >= 0) used.push(slot);
      this.remove(slot);
    }
    this.#end = Math.min(this.#end, end);
    return used;
  }

  /** What lies in so many slots from that one on, after the last slot from the first one on. */
  sample(from: number, slots: number): { readonly of: IndexedFile; readonly block: number }[] {
    const found: { readonly of: IndexedFile; readonly block: number }[] = [];
    for (let at = 0; at < Math.min(slots, this.#end); at += 1) {
      const key = this.keyAt((from + at) % this.#end);
      const of = key < 0 ? undefined : this.#byRef.get(Math.floor(key / FILE_BLOCKS_MAX));
      if (of !== undefined) found.push({ of, block: key - of.ref * FILE_BLOCKS_MAX });
    }
    return found;
  }

  all(): Iterable<IndexedFile> {
    return this.#files.values();
  }

  /** All that is kept, file by file. */
  *entries(): Generator<{ readonly file: IndexedFile; readonly block: number; readonly slot: number }> {
    for (const file of this.#files.values())
      for (let slot = file.head; slot !== NONE; slot = this.#next[slot] as number)
        yield { file, block: (this.#slots.keys[slot] as number) - file.ref * FILE_BLOCKS_MAX, slot };
  }

  #reach(slot: number): void {
    for (let hole = this.#end; hole < slot; hole += 1) this.#free.push(hole);
    this.#end = Math.max(this.#end, slot + 1);
    if (slot < this.#slots.keys.length) return;
    const length = Math.max(64, slot + 1 + (slot >> 2));
    const [{ keys }, next, previous] = [this.#slots, this.#next, this.#previous];
    this.#slots.keys = new Float64Array(length);
    this.#slots.keys.set(keys);
    this.#next = new Uint32Array(length);
    this.#next.set(next);
    this.#previous = new Uint32Array(length);
    this.#previous.set(previous);
  }
}
