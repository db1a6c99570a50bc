/** Why a block was fetched before anybody asked for it. */
export const AHEAD_KINDS = ['sequence', 'folder', 'history', 'start'] as const;
/**
 * `sequence`: a file is read in order, or by steps. `folder`: small files are read in the order of their folder. `history`: it
 * came after what is being read the time before. `start`: it was read after the last start, and came from the disk into memory.
 */
export type AheadKind = (typeof AHEAD_KINDS)[number];

/** What fetching ahead came to. What is neither used nor wasted may be used still. */
export type AheadFigures = {
  readonly kind: AheadKind;
  readonly fetchedBytes: number;
  readonly usedBytes: number;
  readonly wastedBytes: number;
};

interface Open {
  readonly kind: AheadKind;
  readonly file: string;
  readonly sizeBytes: number;
}

/**
 * Keeps account of blocks that were fetched ahead, until somebody asks for them, or their file changes, or so many others came
 * after them that nobody will.
 */
export class AheadAccount {
  /** Oldest first. */
  readonly #open = new Map<string, Open>();
  readonly #openMax: number;
  readonly #sums = new Map<AheadKind, { fetchedBytes: number; usedBytes: number; wastedBytes: number }>();

  /** @param openMax blocks that are watched at a time: the oldest one beyond them counts as wasted */
  constructor(openMax: number) {
    this.#openMax = openMax;
    for (const kind of AHEAD_KINDS) this.#sums.set(kind, { fetchedBytes: 0, usedBytes: 0, wastedBytes: 0 });
  }

  get figures(): AheadFigures[] {
    return AHEAD_KINDS.map((kind) => ({ kind, ...this.#sumsOf(kind) }));
  }

  fetched(name: string, file: string, sizeBytes: number, kind: AheadKind): void {
    if (this.#open.has(name)) return;
    this.#open.set(name, { kind, file, sizeBytes });
    this.#sumsOf(kind).fetchedBytes += sizeBytes;
    if (this.#open.size > this.#openMax) this.#waste(this.#open.keys().next().value as string);
  }

  /** Somebody asks for it: why it was fetched ahead, or null where it was not. */
  used(name: string): AheadKind | null {
    const open = this.#open.get(name);
    if (open === undefined) return null;
    this.#open.delete(name);
    this.#sumsOf(open.kind).usedBytes += open.sizeBytes;
    return open.kind;
  }

  /** What is kept of a file is worth nothing any more. */
  dropped(file: string): void {
    for (const [name, open] of this.#open) if (open.file === file) this.#waste(name);
  }

  #waste(name: string): void {
    const open = this.#open.get(name) as Open;
    this.#open.delete(name);
    this.#sumsOf(open.kind).wastedBytes += open.sizeBytes;
  }

  #sumsOf(kind: AheadKind) {
    return this.#sums.get(kind) as { fetchedBytes: number; usedBytes: number; wastedBytes: number };
  }
}
