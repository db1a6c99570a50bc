import type { CausewayError } from '../base/errors.ts';

export interface Numbered<T> {
  readonly index: number;
  readonly body: T;
}

/** The newest of what was told, each with its number, which rises by 1. */
export class ChangeLog<T> {
  readonly #kept: Numbered<T>[] = [];
  readonly #max: number;
  readonly #readers = new Set<() => void>();
  #first = 0;
  #index: number;
  #end: CausewayError | null = null;

  /** Numbers go on after `index`. */
  constructor(index: number, max: number) {
    this.#index = index;
    this.#max = max;
  }

  get index(): number {
    return this.#index;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Why nothing comes any more; null while something may. */
  get end(): CausewayError | null {
    return this.#end;
  }

  add(body: T): void {
    if (this.#end !== null) return;
    this.#index += 1;
    this.#kept.push({ index: this.#index, body });
    if (this.#kept.length - this.#first > this.#max) this.#first += 1;
    // moved down now and then: a shift for each would copy all of them each time
    if (this.#first > this.#max) {
      this.#kept.splice(0, this.#first);
      this.#first = 0;
    }
    this.#wake();
  }

  /** Whether all that came after this number is there. */
  reaches(since: number): boolean {
    const kept = this.#kept.length - this.#first;
    return since <= this.#index && since >= this.#index - kept;
  }

  /** What came next after this number; null: nothing yet. Only for numbers that the log reaches. */
  next(since: number): Numbered<T> | null {
    return this.#kept[this.#kept.length - (this.#index - since)] ?? null;
  }

  /** Calls `wake` after each addition and at the end; the result ends it. */
  read(wake: () => void): () => void {
    this.#readers.add(wake);
    return () => this.#readers.delete(wake);
  }

  finish(reason: CausewayError): void {
    this.#end ??= reason;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#readers]) wake();
  }
}
