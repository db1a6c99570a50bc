import type { Dice } from '../dice.ts';

/** The unit in which a file system keeps, loses or tears what was not flushed. */
export const PAGE_BYTES = 4096;

/** The unit that a device writes whole: a torn page is old in some sectors and new in others. */
const SECTOR_BYTES = 512;

const ALLOCATED = 1;
const DIRTY = 2;
/** Dirty, but a failed flush has made the system believe it clean: only a new write makes it flushable again. */
const FORGOTTEN = 4;

/** Says of the unflushed write with that number whether a power cut keeps it. */
export type KeepWrite = (sequence: number) => boolean;

export interface CrashChoice {
  readonly keepWrite: KeepWrite;
  /** Of a page that is lost: how often it is torn instead. */
  readonly tornRate: number;
  /** Of a page past the stable end that is lost: how often it holds anything instead of zeros. */
  readonly garbageRate: number;
  /** `old`, `new`, or `mixed`: the size goes as far as the kept pages, or is old or new. */
  readonly size: 'old' | 'new' | 'mixed';
  readonly dice: Dice;
}

const pagesOf = (sizeBytes: number): number => Math.ceil(sizeBytes / PAGE_BYTES);

/** The bytes of a file: as readers see them now, and what is needed to undo what was not flushed. */
export class Content {
  #bytes = new Uint8Array(0);
  #flags = new Uint8Array(0);
  #sequence = new Float64Array(0);
  /** Stable content of dirty pages that have one; a dirty page without stands for a hole in the stable file. */
  #undo: Map<number, Uint8Array> | null = null;
  #dirtyFrom = Number.POSITIVE_INFINITY;
  #dirtyTo = 0;
  sizeBytes = 0;
  stableSizeBytes = 0;
  allocatedPages = 0;

  read(into: Uint8Array, offset: number, limit: number): number {
    const count = Math.max(0, Math.min(limit, this.sizeBytes - offset));
    const there = Math.max(0, Math.min(count, this.#bytes.byteLength - offset));
    into.set(this.#bytes.subarray(offset, offset + there));
    into.fill(0, there, count);
    return count;
  }

  /** Bytes of `length` at `offset` that can be written with at most `newPages` pages more. */
  fits(offset: number, length: number, newPages: number): number {
    let left = newPages;
    for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < offset + length; page += 1) {
      if (((this.#flags[page] ?? 0) & ALLOCATED) !== 0) continue;
      if (left === 0) return Math.max(0, page * PAGE_BYTES - offset);
      left -= 1;
    }
    return length;
  }

  write(bytes: Uint8Array, offset: number, sequence: number): void {
    const end = offset + bytes.byteLength;
    if (bytes.byteLength === 0) return;
    this.#reserve(end);
    const last = pagesOf(end);
    for (let page = Math.floor(offset / PAGE_BYTES); page < last; page += 1)
      this.#soil(page, sequence, ALLOCATED);
    this.#bytes.set(bytes, offset);
    this.sizeBytes = Math.max(this.sizeBytes, end);
  }

  truncate(sizeBytes: number, sequence: number): void {
    const had = Math.min(this.sizeBytes, this.#bytes.byteLength);
    if (sizeBytes < had) {
      const keep = pagesOf(sizeBytes);
      for (let page = Math.floor(sizeBytes / PAGE_BYTES); page < pagesOf(had); page += 1) {
        const flags = this.#flags[page] as number;
        if ((flags & ALLOCATED) === 0) continue;
        this.#soil(page, sequence, ALLOCATED);
        if (page < keep) continue;
        this.#flags[page] = (this.#flags[page] as number) & ~ALLOCATED;
        this.allocatedPages -= 1;
      }
      this.#bytes.fill(0, sizeBytes, had);
    }
    this.sizeBytes = sizeBytes;
  }

  /** The first byte from `offset` on that is in a block that is allocated, or in one that is not; null at the end. */
  seek(offset: number, allocated: boolean): number | null {
    for (let at = offset; at < this.sizeBytes; at = (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES) {
      const flags = this.#flags[Math.floor(at / PAGE_BYTES)] ?? 0;
      if (((flags & ALLOCATED) !== 0) === allocated) return at;
    }
    return null;
  }

  /** Makes the bytes from `from` to before `to` zeros and frees the blocks that lie within. */
  punch(from: number, to: number, sequence: number): void {
    const end = Math.min(to, this.#bytes.byteLength);
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < end; page += 1) {
      if (((this.#flags[page] as number) & ALLOCATED) === 0) continue;
      this.#soil(page, sequence, ALLOCATED);
      this.#bytes.fill(0, Math.max(from, page * PAGE_BYTES), Math.min(end, (page + 1) * PAGE_BYTES));
      const whole = page * PAGE_BYTES >= from && Math.min((page + 1) * PAGE_BYTES, this.sizeBytes) <= to;
      if (!whole) continue;
      this.#flags[page] = (this.#flags[page] as number) & ~ALLOCATED;
      this.allocatedPages -= 1;
    }
  }

  /** Allocates the blocks from `from` to before `to` that are not: they hold zeros. */
  allocate(from: number, to: number, sequence: number): void {
    this.#reserve(to);
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page += 1)
      if (((this.#flags[page] as number) & ALLOCATED) === 0) this.#soil(page, sequence, ALLOCATED);
  }

  /** True where a power cut now could change what the file holds. */
  get dirty(): boolean {
    return this.#dirtyTo > 0 || this.sizeBytes !== this.stableSizeBytes;
  }

  /** Makes data and size stable. */
  commit(): void {
    let forgottenFrom = Number.POSITIVE_INFINITY;
    let forgottenTo = 0;
    for (let page = this.#dirtyFrom; page < this.#dirtyTo; page += 1) {
      const flags = this.#flags[page] as number;
      if ((flags & FORGOTTEN) !== 0) {
        forgottenFrom = Math.min(forgottenFrom, page);
        forgottenTo = page + 1;
      } else if ((flags & DIRTY) !== 0) {
        this.#flags[page] = flags & ~DIRTY;
        this.#undo?.delete(page);
      }
    }
    this.#dirtyFrom = forgottenFrom;
    this.#dirtyTo = forgottenTo;
    this.stableSizeBytes = this.sizeBytes;
  }

  /** A flush that failed: the pages count as clean, but a power cut loses them. */
  forget(): void {
    for (let page = this.#dirtyFrom; page < this.#dirtyTo; page += 1) {
      const flags = this.#flags[page] as number;
      if ((flags & DIRTY) !== 0) this.#flags[page] = flags | FORGOTTEN;
    }
  }

  /** Flips one bit of the stored bytes, without a trace in times or dirty pages. */
  flip(offset: number, bit: number): void {
    if (offset >= this.#bytes.byteLength || offset >= this.sizeBytes) return;
    this.#bytes[offset] = (this.#bytes[offset] as number) ^ (1 << bit);
  }

  /** What the file would hold if a power cut now lost all that was not flushed. */
  stableBytes(): Uint8Array {
    const out = new Uint8Array(this.stableSizeBytes);
    out.set(this.#bytes.subarray(0, Math.min(out.byteLength, this.#bytes.byteLength)));
    for (let page = this.#dirtyFrom; page < this.#dirtyTo; page += 1) {
      if (((this.#flags[page] as number) & DIRTY) === 0) continue;
      const from = page * PAGE_BYTES;
      const old = this.#undo?.get(page);
      if (from >= out.byteLength) break;
      out.fill(0, from, from + PAGE_BYTES);
      if (old) out.set(old.subarray(0, Math.min(PAGE_BYTES, out.byteLength - from)), from);
    }
    return out;
  }

  /** A power cut: keeps, loses or tears each unflushed page and the unflushed size as `choice` says. */
  crash(choice: CrashChoice): void {
    const before = this.sizeBytes;
    let keptEnd = Math.min(this.stableSizeBytes, before);
    if (this.stableSizeBytes > before) this.#reserve(this.stableSizeBytes);
    for (let page = this.#dirtyFrom; page < this.#dirtyTo; page += 1) {
      const flags = this.#flags[page] as number;
      if ((flags & DIRTY) === 0) continue;
      const rewritten = page * PAGE_BYTES < before;
      const flushable = (flags & FORGOTTEN) === 0;
      if (rewritten && flushable && choice.keepWrite(this.#sequence[page] as number)) {
        keptEnd = Math.max(keptEnd, Math.min(before, (page + 1) * PAGE_BYTES));
      } else {
        this.#lose(page, choice);
      }
    }
    this.#settleSize(this.#crashSize(choice, keptEnd));
  }

  #crashSize(choice: CrashChoice, keptEnd: number): number {
    if (this.sizeBytes === this.stableSizeBytes || choice.size === 'new') return this.sizeBytes;
    if (choice.size === 'old') return this.stableSizeBytes;
    return choice.dice.pick([this.stableSizeBytes, this.sizeBytes, keptEnd]);
  }

  #lose(page: number, choice: CrashChoice): void {
    const from = page * PAGE_BYTES;
    const old = this.#undo?.get(page);
    const flags = this.#flags[page] as number;
    const torn = from < this.sizeBytes && choice.dice.chance(choice.tornRate);
    const fresh = from >= this.stableSizeBytes;
    const garbage = fresh && choice.dice.chance(choice.garbageRate) ? choice.dice.bytes(PAGE_BYTES) : null;
    for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
      if (torn && choice.dice.chance(0.5)) continue;
      const source = old ?? garbage;
      if (source) this.#bytes.set(source.subarray(at, at + SECTOR_BYTES), from + at);
      else this.#bytes.fill(0, from + at, from + at + SECTOR_BYTES);
    }
    if (old && (flags & ALLOCATED) === 0) {
      this.#flags[page] = flags | ALLOCATED;
      this.allocatedPages += 1;
    }
  }

  /** After a power cut: the file has this size, and all of it is stable. */
  #settleSize(sizeBytes: number): void {
    const stored = this.#bytes.byteLength;
    if (sizeBytes < stored) this.#bytes.fill(0, sizeBytes, stored);
    this.allocatedPages = 0;
    for (let page = 0; page < this.#flags.length; page += 1) {
      const allocated = page * PAGE_BYTES < sizeBytes && ((this.#flags[page] as number) & ALLOCATED) !== 0;
      this.#flags[page] = allocated ? ALLOCATED : 0;
      if (allocated) this.allocatedPages += 1;
    }
    this.#undo = null;
    this.#dirtyFrom = Number.POSITIVE_INFINITY;
    this.#dirtyTo = 0;
    this.sizeBytes = sizeBytes;
    this.stableSizeBytes = sizeBytes;
  }

  #soil(page: number, sequence: number, set: number): void {
    const flags = this.#flags[page] as number;
    if ((flags & ALLOCATED) === 0) this.allocatedPages += 1;
    if ((flags & DIRTY) === 0 && (flags & ALLOCATED) !== 0 && page * PAGE_BYTES < this.stableSizeBytes) {
      this.#undo ??= new Map();
      this.#undo.set(page, this.#bytes.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    }
    this.#flags[page] = (flags & ~FORGOTTEN) | DIRTY | set;
    this.#sequence[page] = sequence;
    this.#dirtyFrom = Math.min(this.#dirtyFrom, page);
    this.#dirtyTo = Math.max(this.#dirtyTo, page + 1);
  }

  #reserve(sizeBytes: number): void {
    const pages = pagesOf(sizeBytes);
    if (pages <= this.#flags.length) return;
    const capacity = Math.max(pages, 2 * this.#flags.length);
    const bytes = new Uint8Array(capacity * PAGE_BYTES);
    bytes.set(this.#bytes);
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    const sequence = new Float64Array(capacity);
    sequence.set(this.#sequence);
    this.#bytes = bytes;
    this.#flags = flags;
    this.#sequence = sequence;
  }
}
