/** A byte for each entry of a plan, which grows as the plan does; 0 where none was set. */
export class EntryBytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#bytes.byteLength) {
      const grown = new Uint8Array(this.#bytes.byteLength * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  get(index: number): number {
    return index < this.#length ? (this.#bytes[index] as number) : 0;
  }

  set(index: number, value: number): void {
    if (index < this.#length) this.#bytes[index] = value;
  }

  /** The first place from `from` on, before `to`, that holds `value`; -1 where there is none. */
  find(value: number, from: number, to = this.#length): number {
    const at = this.#bytes.subarray(0, Math.min(to, this.#length)).indexOf(value, from);
    return at;
  }
}
