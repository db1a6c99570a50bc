/** What is traced: events of the scheduler and operations of processes on their world. */
export const OPERATIONS = [
  'event',
  'start',
  'exit',
  'kill',
  'power-cut',
  'sleep',
  'open-root',
  'stat-path',
  'list',
  'stat',
  'read-link',
  'open-file',
  'open-dir',
  'make-dir',
  'make-symlink',
  'rename',
  'remove-file',
  'remove-dir',
  'set-attrs',
  'space',
  'sync-dir',
  'sync-fs',
  'clone-dir',
  'close-dir',
  'read',
  'write',
  'truncate',
  'datasync',
  'close-file',
  'dial',
  'listen',
  'accept',
  'conn-read',
  'conn-write',
  'conn-close',
  'listener-close',
  'deliver',
  'identity',
  'fault',
  'link',
  'seek',
  'punch-hole',
  'allocate',
  'copy-range',
  'reflink',
  'xattr',
] as const;

export type Operation = (typeof OPERATIONS)[number];

const CODES = new Map<Operation, number>(OPERATIONS.map((operation, index) => [operation, index + 1]));

const KEPT_ENTRIES = 512;

/** A running hash over everything that happened (FNV-1a, 32 bit, over a few words an entry) and the last entries as text. */
export class Trace {
  #hash = 0x811c9dc5;
  #count = 0;
  readonly #atMs = new Float64Array(KEPT_ENTRIES);
  readonly #who = new Int32Array(KEPT_ENTRIES);
  readonly #operation: Operation[] = [];
  readonly #detail: string[] = [];

  /** Adds an entry. `number` is anything that tells two histories apart: a size, an offset. */
  note(atMs: number, operation: Operation, processId: number, detail: string, number = 0): void {
    const slot = this.#count % KEPT_ENTRIES;
    this.#atMs[slot] = atMs;
    this.#who[slot] = processId;
    this.#operation[slot] = operation;
    this.#detail[slot] = detail;
    this.#count += 1;
    this.#fold(CODES.get(operation) as number);
    this.#fold(processId);
    this.#fold(Math.floor(atMs * 1000));
    this.#fold(number + detail.length);
  }

  #fold(word: number): void {
    this.#hash = Math.imul(this.#hash ^ (word | 0), 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  get count(): number {
    return this.#count;
  }

  /** Eight hexadecimal digits. Equal for equal histories. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** The last entries, oldest first, one line each. */
  tail(limit = 40): string[] {
    const lines: string[] = [];
    const kept = Math.min(this.#count, KEPT_ENTRIES, limit);
    for (let i = this.#count - kept; i < this.#count; i += 1) {
      const slot = i % KEPT_ENTRIES;
      const time = (this.#atMs[slot] as number).toFixed(3).padStart(12);
      lines.push(`${time} ms  process ${this.#who[slot]}  ${this.#operation[slot]} ${this.#detail[slot]}`);
    }
    return lines;
  }
}
