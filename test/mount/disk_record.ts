import type { Dice } from '../../src/world/sim/dice.ts';

export const DISK_NAME = 'disk';

/** What the thread that serves a disk and who looks at it share. */
export interface DiskMemory {
  readonly image: SharedArrayBuffer;
  readonly log: SharedArrayBuffer;
  /** How many entries the log has, and where it ends. */
  readonly state: SharedArrayBuffer;
}

const HEAD_BYTES = 16;
const WRITE = 1;
const FLUSH = 2;
/** Of disks of today: what is within one is written as a whole, which file systems count on for their superblock. */
const SECTOR_BYTES = 4096;

interface Entry {
  readonly kind: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a power cut does to writes after the last flush. */
export type Loss = 'all' | 'none' | 'some';

/**
 * A disk, and a log of each write and each flush that it was asked for, in order. A flush is noted when it is asked for, and all
 * that was written before lasts from then on.
 */
export class DiskRecord {
  readonly image: Uint8Array;
  readonly #log: Uint8Array;
  readonly #view: DataView;
  readonly #state: Int32Array;

  constructor({ image, log, state }: DiskMemory) {
    this.image = new Uint8Array(image);
    this.#log = new Uint8Array(log);
    this.#view = new DataView(log);
    this.#state = new Int32Array(state);
  }

  static memory(imageBytes: number, logBytes: number): DiskMemory {
    return {
      image: new SharedArrayBuffer(imageBytes),
      log: new SharedArrayBuffer(logBytes),
      state: new SharedArrayBuffer(8),
    };
  }

  /** Entries so far. */
  get count(): number {
    return Atomics.load(this.#state, 0);
  }

  /** False where the log is full. */
  write(offset: number, bytes: Uint8Array): boolean {
    if (!this.#append(WRITE, offset, bytes)) return false;
    this.image.set(bytes, offset);
    return true;
  }

  /** False where the log is full. */
  flush(): boolean {
    return this.#append(FLUSH, 0, new Uint8Array(0));
  }

  entries(): Entry[] {
    const found: Entry[] = [];
    for (let at = 0, left = this.count; left > 0; left -= 1) {
      const sizeBytes = this.#view.getUint32(at + 4, true);
      const from = at + HEAD_BYTES;
      found.push({
        kind: this.#view.getUint32(at, true),
        offset: this.#view.getFloat64(at + 8, true),
        bytes: this.#log.slice(from, from + sizeBytes),
      });
      at = from + sizeBytes;
    }
    return found;
  }

  #append(kind: number, offset: number, bytes: Uint8Array): boolean {
    const at = Atomics.load(this.#state, 1);
    const end = at + HEAD_BYTES + bytes.byteLength;
    if (end > this.#log.byteLength) return false;
    this.#view.setUint32(at, kind, true);
    this.#view.setUint32(at + 4, bytes.byteLength, true);
    this.#view.setFloat64(at + 8, offset, true);
    this.#log.set(bytes, at + HEAD_BYTES);
    Atomics.store(this.#state, 1, end);
    Atomics.add(this.#state, 0, 1);
    return true;
  }
}

/** The disk as it is after a power cut right behind the first `count` entries. `base` is what it was before all of them. */
export function afterCut(
  base: Uint8Array,
  log: readonly Entry[],
  count: number,
  loss: Loss,
  dice: Dice,
): Uint8Array {
  const image = base.slice();
  const before = log.slice(0, count);
  const flushed = before.findLastIndex(({ kind }) => kind === FLUSH);
  for (const [index, { kind, offset, bytes }] of before.entries()) {
    if (kind !== WRITE) continue;
    if (index < flushed || loss === 'none') image.set(bytes, offset);
    else if (loss === 'some') keepSome(image, offset, bytes, dice);
  }
  return image;
}

/** All of a write, nothing, or some of its sectors, since a disk writes in the order that it likes. */
function keepSome(image: Uint8Array, offset: number, bytes: Uint8Array, dice: Dice): void {
  const fate = dice.pick(['kept', 'lost', 'torn']);
  if (fate === 'lost') return;
  for (let at = 0; at < bytes.byteLength; ) {
    const end = at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES);
    if (fate === 'kept' || dice.chance(0.5)) image.set(bytes.subarray(at, end), offset + at);
    at = end;
  }
}
