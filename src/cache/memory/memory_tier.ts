interface Kept {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Blocks in memory, as they are, up to so many bytes; the least recently used one leaves first. Names are the caller's: equal
 * names mean equal bytes. It copies nothing: bytes that are given or taken are not to be changed.
 */
export class MemoryTier {
  /** Least recently used first. */
  readonly #blocks = new Map<string, Kept>();
  readonly #byFile = new Map<string, Set<string>>();
  #bytes = 0;
  #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** What is above it leaves at once. */
  set limitBytes(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#shrink();
  }

  has(name: string): boolean {
    return this.#blocks.has(name);
  }

  get(name: string): Uint8Array | null {
    const kept = this.#blocks.get(name);
    if (kept === undefined) return null;
    this.#blocks.delete(name);
    this.#blocks.set(name, kept);
    return kept.bytes;
  }

  put(name: string, file: string, bytes: Uint8Array): void {
    if (bytes.byteLength > this.#limitBytes || this.#blocks.has(name)) return;
    this.#blocks.set(name, { file, bytes });
    this.#bytes += bytes.byteLength;
    const names = this.#byFile.get(file) ?? new Set();
    names.add(name);
    this.#byFile.set(file, names);
    this.#shrink();
  }

  /** Nothing of that file is there any more. */
  drop(file: string): void {
    for (const name of [...(this.#byFile.get(file) ?? [])]) this.#remove(name);
  }

  clear(): void {
    this.#blocks.clear();
    this.#byFile.clear();
    this.#bytes = 0;
  }

  #shrink(): void {
    while (this.#bytes > this.#limitBytes) this.#remove(this.#blocks.keys().next().value as string);
  }

  #remove(name: string): void {
    const kept = this.#blocks.get(name) as Kept;
    this.#blocks.delete(name);
    this.#bytes -= kept.bytes.byteLength;
    const names = this.#byFile.get(kept.file);
    names?.delete(name);
    if (names?.size === 0) this.#byFile.delete(kept.file);
  }
}
