// Random operations on one file, compared with a model in memory.
import assert from 'node:assert/strict';
import fs, { constants } from 'node:fs';
import { loadFfi } from '../../src/world/node/syscalls.ts';
import { allocate, copyRange } from '../posix/calls.ts';
import { chanceOf } from './chance.ts';

const FILE_MAX_BYTES = 262_144;
const PIECE_MAX_BYTES = 65_536;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const PUNCH_HOLE = 3;
const ZERO_RANGE = 16;

const ffi = loadFfi();
const { functions: libc } = ffi.dlopen(null, {
  mmap: { return: 'u64', arguments: ['u64', 'u64', 'i32', 'i32', 'i32', 'i64'] },
  munmap: { return: 'i32', arguments: ['u64', 'u64'] },
});

/** Lets `use` work on the pages of a file. */
function mapped(fd: number, sizeBytes: number, use: (bytes: Buffer) => void): void {
  const at = libc.mmap(0n, BigInt(sizeBytes), PROT_READ_WRITE, MAP_SHARED, fd, 0n);
  assert.notEqual(at, 2n ** 64n - 1n, 'the file is mapped');
  use(ffi.toBuffer(at, sizeBytes, false));
  assert.equal(libc.munmap(at, BigInt(sizeBytes)), 0);
}

/** A file, and what it must hold. */
class Twin {
  readonly #at: string;
  readonly #chance: (below: number) => number;
  readonly #memory = Buffer.alloc(FILE_MAX_BYTES);
  #size = 0;
  #fd: number;

  /** Has made the file to write to it, and stays. */
  readonly #writer: number | null;

  constructor(at: string, chance: (below: number) => number, hasWriter: boolean) {
    this.#at = at;
    this.#chance = chance;
    this.#writer = hasWriter ? fs.openSync(at, 'wx') : null;
    this.#fd = fs.openSync(at, constants.O_RDWR | constants.O_CREAT);
  }

  /** Does something; what it was. */
  step(): string {
    const chance = this.#chance;
    const offset = chance(4) === 0 ? chance(FILE_MAX_BYTES) & ~4_095 : chance(FILE_MAX_BYTES);
    const length = Math.min(1 + chance(chance(3) === 0 ? PIECE_MAX_BYTES : 5_000), FILE_MAX_BYTES - offset);
    const kind = chance(100);
    if (kind < 30) this.#read(offset, length);
    else if (kind < 60) this.#write(offset, length);
    else if (kind < 68) this.#truncate(offset);
    else if (kind < 78) this.#mapRead();
    else if (kind < 86) this.#mapWrite(offset, length);
    else if (kind < 90) this.#zero(offset, length, PUNCH_HOLE);
    else if (kind < 93) this.#zero(offset, length, ZERO_RANGE);
    else if (kind < 96) this.#copy(offset, length);
    else if (kind < 98) fs.fsyncSync(this.#fd);
    else this.#reopen();
    return `${kind} at ${offset} of ${length}, size ${this.#size}`;
  }

  check(at: string): void {
    assert.ok(fs.readFileSync(at).equals(this.#memory.subarray(0, this.#size)));
  }

  close(): void {
    fs.closeSync(this.#fd);
    if (this.#writer !== null) fs.closeSync(this.#writer);
  }

  #read(offset: number, length: number): void {
    const bytes = Buffer.alloc(length);
    const count = fs.readSync(this.#fd, bytes, 0, length, offset);
    assert.equal(count, Math.max(0, Math.min(length, this.#size - offset)));
    assert.ok(bytes.subarray(0, count).equals(this.#memory.subarray(offset, offset + count)));
  }

  #write(offset: number, length: number): void {
    const bytes = Buffer.alloc(length, `${this.#chance(1_000_000)} `);
    const fd = this.#writer !== null && this.#chance(2) === 0 ? this.#writer : this.#fd;
    assert.equal(fs.writeSync(fd, bytes, 0, length, offset), length);
    this.#grow(offset + length);
    bytes.copy(this.#memory, offset);
  }

  #truncate(size: number): void {
    if (this.#chance(2) === 0) fs.ftruncateSync(this.#fd, size);
    else fs.truncateSync(this.#at, size);
    this.#grow(size);
    this.#memory.fill(0, size);
    this.#size = size;
  }

  #mapRead(): void {
    if (this.#size === 0) return;
    mapped(this.#fd, this.#size, (bytes) => assert.ok(bytes.equals(this.#memory.subarray(0, this.#size))));
  }

  #mapWrite(offset: number, length: number): void {
    if (offset >= this.#size) return;
    const count = Math.min(length, this.#size - offset);
    const value = this.#chance(256);
    this.#memory.fill(value, offset, offset + count);
    mapped(this.#fd, this.#size, (bytes) => bytes.fill(value, offset, offset + count));
  }

  #zero(offset: number, length: number, mode: number): void {
    const outcome = allocate(this.#fd, mode, offset, length);
    if (outcome === 'ENOTSUP') return; // this file system has no such call
    assert.equal(outcome, 'ok');
    if (mode === ZERO_RANGE) this.#grow(offset + length);
    this.#memory.fill(0, offset, offset + length);
  }

  #copy(offset: number, length: number): void {
    if (offset >= this.#size) return;
    const to = this.#chance(FILE_MAX_BYTES - length);
    const count = Math.min(length, this.#size - offset);
    if (to < offset + count && offset < to + count) return;
    assert.equal(copyRange(this.#fd, offset, this.#fd, to, count), String(count));
    this.#grow(to + count);
    this.#memory.copy(this.#memory, to, offset, offset + count);
  }

  #reopen(): void {
    fs.closeSync(this.#fd);
    this.#fd = fs.openSync(this.#at, constants.O_RDWR);
    assert.equal(fs.fstatSync(this.#fd).size, this.#size);
  }

  #grow(size: number): void {
    this.#size = Math.max(this.#size, size);
  }
}

/**
 * Does so many random operations on a file at `at`, whose bytes are also below `source`. Throws with what it takes to repeat it.
 * With `hasWriter` whoever made the file writes half of what is written.
 */
export function tortured(
  at: string,
  source: string,
  { seed, operations, hasWriter = false }: { seed: number; operations: number; hasWriter?: boolean },
): void {
  const twin = new Twin(at, chanceOf(seed), hasWriter);
  let last = '';
  for (let done = 0; done < operations; done += 1) {
    try {
      last = twin.step();
    } catch (failure) {
      throw new Error(`SEED=${seed}, operation ${done}, after ${last}`, { cause: failure });
    }
  }
  twin.close();
  twin.check(at);
  twin.check(source);
}
