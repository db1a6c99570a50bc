import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { Arc } from './arc.ts';
import { Belady } from './belady.ts';
import { GhostTable } from './ghost_table.ts';
import { Lru } from './lru.ts';
import type { EvictionPolicy } from './policy.ts';
import { S3Fifo } from './s3_fifo.ts';
import { TinyLfu } from './tiny_lfu.ts';

const CAPACITY_BYTES = 1_000;
const POLICIES: Readonly<Record<string, (capacityBytes: number) => EvictionPolicy<number>>> = {
  's3-fifo': (bytes) => new S3Fifo(bytes),
  lru: (bytes) => new Lru(bytes),
  arc: (bytes) => new Arc(bytes),
  'w-tinylfu': (bytes) => new TinyLfu(bytes, 100),
};

/** A plain store that believes what a policy says, and checks it. */
class Model {
  readonly #sizes = new Map<number, number>();
  readonly #pinned = new Set<number>();
  readonly #policy: EvictionPolicy<number>;

  constructor(policy: EvictionPolicy<number>) {
    this.#policy = policy;
  }

  touch(key: number): void {
    assert.equal(this.#policy.touch(key), this.#sizes.has(key));
  }

  admit(key: number, sizeBytes: number): void {
    const evicted = this.#policy.admit(key, sizeBytes);
    const others = [...this.#pinned].filter((pinned) => pinned !== key);
    const free = CAPACITY_BYTES - others.reduce((sum, pinned) => sum + this.#sizes.get(pinned)!, 0);
    assert.equal(evicted === null, sizeBytes > free, `${sizeBytes} of ${free}`);
    if (evicted === null) return;
    for (const gone of evicted) {
      assert.notEqual(gone, key);
      assert.ok(!this.#pinned.has(gone), `${gone} is pinned and left`);
      assert.ok(this.#sizes.delete(gone), `${gone} was not there`);
    }
    this.#sizes.set(key, sizeBytes);
  }

  drop(key: number): void {
    this.#policy.drop(key);
    this.#sizes.delete(key);
    this.#pinned.delete(key);
  }

  pin(key: number): void {
    if (!this.#sizes.has(key)) return;
    this.#policy.pin(key);
    this.#pinned.add(key);
  }

  unpin(key: number): void {
    this.#policy.unpin(key);
    this.#pinned.delete(key);
  }

  check(): void {
    const bytes = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
    assert.equal(this.#policy.residentBytes, bytes);
    assert.ok(bytes <= CAPACITY_BYTES);
  }
}

for (const [name, make] of Object.entries(POLICIES)) {
  describe(name, () => {
    it('holds what it says, never above its capacity, and keeps what is pinned', () => {
      const { seed, random } = seededChance();
      console.log(`SEED=${seed}`);
      const model = new Model(make(CAPACITY_BYTES));
      for (let step = 0; step < 30_000; step += 1) {
        const key = Math.floor(random() ** 2 * 200) + (random() < 0.1 ? 2 ** 40 : 0);
        const chance = random();
        if (chance < 0.45) model.touch(key);
        else if (chance < 0.85) model.admit(key, 1 + Math.floor(random() ** 4 * 1_100));
        else if (chance < 0.9) model.drop(key);
        else if (chance < 0.93) model.pin(key);
        else for (let at = 0; at < 10; at += 1) model.unpin(Math.floor(random() * 200));
        model.check();
      }
    });

    it('refuses what is larger than the whole, and what pinned keys leave no room for', () => {
      const policy = make(100);
      assert.deepEqual(policy.admit(1, 100), []);
      assert.equal(policy.admit(2, 101), null);
      assert.equal(policy.touch(1), true);
      policy.pin(1);
      assert.equal(policy.admit(2, 1), null);
      policy.unpin(1);
      assert.deepEqual(policy.admit(2, 1), [1]);
    });

    it('lets a key grow and shrink, and others leave for it', () => {
      const policy = make(100);
      for (const key of [1, 2, 3, 4]) assert.deepEqual(policy.admit(key, 25), []);
      assert.deepEqual([...policy.admit(3, 100)!].sort(), [1, 2, 4]);
      assert.equal(policy.admit(3, 101), null);
      assert.equal(policy.residentBytes, 100);
      assert.deepEqual(policy.admit(3, 1), []);
      assert.equal(policy.residentBytes, 1);
    });

    it('does not pin what is not there', () => {
      assert.throws(() => make(100).pin(1), /key 1/);
    });
  });
}

describe('s3-fifo', () => {
  it('keeps what is used again while a scan passes', () => {
    const policy = new S3Fifo(1_000);
    const hot = Array.from({ length: 50 }, (_, at) => at);
    for (const key of hot) policy.admit(key, 10);
    for (let pass = 0; pass < 3; pass += 1) for (const key of hot) policy.touch(key);
    for (let key = 1_000; key < 3_000; key += 1) policy.admit(key, 10);
    assert.equal(hot.filter((key) => policy.touch(key)).length, 50);
  });

  it('has hits on a loop that is longer than the cache', () => {
    const policy = new S3Fifo(1_000);
    let hits = 0;
    for (let at = 0; at < 6_000; at += 1) {
      const key = at % 150;
      if (policy.touch(key)) hits += 1;
      else policy.admit(key, 10);
    }
    assert.ok(hits > 2_400, `${hits} of 6,000; 4,000 are possible`);
  });

  it('takes at most a thousandth of a large store for its index', () => {
    // A hundredth of a terabyte in blocks of 64 KiB; memory is in proportion to the blocks.
    const capacityBytes = Math.floor(2 ** 40 / 100);
    const blockBytes = 64 * 1024;
    const policy = new S3Fifo(capacityBytes);
    for (let key = 0; key * blockBytes < capacityBytes * 3; key += 1) policy.admit(key, blockBytes);
    const share = policy.indexBytes / capacityBytes;
    console.log(`index: ${(share * 100).toFixed(3)} % of the capacity`);
    assert.ok(share <= 0.001, `${share}`);
  });
});

describe('a ghost table', () => {
  it('remembers what was evicted last, by bytes, once', () => {
    const ghost = new GhostTable(1_000);
    for (let key = 0; key < 200; key += 1) ghost.add(key, 10);
    const last = Array.from({ length: 90 }, (_, at) => 110 + at);
    assert.ok(last.filter((key) => ghost.take(key)).length > 80);
    assert.equal(last.filter((key) => ghost.take(key)).length, 0);
    for (let key = 0; key < 95; key += 1) assert.equal(ghost.take(key), false, `${key}`);
  });

  it('has a bound, whatever passes', () => {
    const ghost = new GhostTable(2 ** 24);
    for (let key = 0; key < 200_000; key += 1) ghost.add(key, 1);
    assert.ok(ghost.indexBytes <= 8_192 * 8, `${ghost.indexBytes}`);
  });
});

describe('belady', () => {
  /** Most hits that any sequence of decisions has, by trying all. */
  function best(sequence: readonly number[], room: number, at = 0, held: readonly number[] = []): number {
    if (at === sequence.length) return 0;
    const key = sequence[at]!;
    if (held.includes(key)) return 1 + best(sequence, room, at + 1, held);
    const choices = [held];
    if (held.length < room) choices.push([...held, key]);
    else for (const gone of held) choices.push([...held.filter((one) => one !== gone), key]);
    return Math.max(...choices.map((next) => best(sequence, room, at + 1, next)));
  }

  it('has as many hits as any order of decisions', () => {
    const { seed, random } = seededChance();
    console.log(`SEED=${seed}`);
    for (let round = 0; round < 60; round += 1) {
      const sequence = Array.from({ length: 11 }, () => Math.floor(random() * 5));
      const policy = new Belady(3, sequence);
      let hits = 0;
      for (const key of sequence) {
        if (policy.touch(key)) hits += 1;
        else policy.admit(key, 1);
      }
      assert.equal(hits, best(sequence, 3), sequence.join());
    }
  });
});
