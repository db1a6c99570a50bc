import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RangeLocks, WHOLE_FILE } from './range_locks.ts';

const range = (start: number, end: number) => ({ start, end });

test('an exclusive lock keeps all others out, shared ones only exclusive ones', () => {
  const locks = new RangeLocks();
  assert.equal(locks.take('f', 'a', 'shared', WHOLE_FILE), null);
  assert.equal(locks.take('f', 'b', 'shared', range(0, 10)), null);
  assert.equal(locks.take('f', 'c', 'exclusive', range(5, 6))?.owner, 'a');
  assert.equal(locks.take('g', 'c', 'exclusive', range(5, 6)), null, 'another file');
  locks.release('f', 'a', WHOLE_FILE);
  assert.equal(locks.take('f', 'c', 'exclusive', range(10, 11)), null, 'bytes that nobody has');
  assert.equal(locks.take('f', 'b', 'shared', range(10, 11))?.owner, 'c');
});

test('a lock in the way changes nothing', () => {
  const locks = new RangeLocks();
  locks.take('f', 'a', 'exclusive', range(10, 20));
  locks.take('f', 'b', 'shared', range(0, 10));
  assert.notEqual(locks.take('f', 'b', 'exclusive', range(0, 15)), null);
  assert.deepEqual(locks.held('f').find(({ owner }) => owner === 'b')?.mode, 'shared');
});

test('an owner changes the mode of a part of what it has, and the rest stays', () => {
  const locks = new RangeLocks();
  locks.take('f', 'a', 'exclusive', range(0, 100));
  locks.take('f', 'a', 'shared', range(40, 60));
  assert.equal(locks.conflict('f', 'b', 'shared', range(40, 60)), null);
  assert.notEqual(locks.conflict('f', 'b', 'shared', range(39, 60)), null);
  assert.notEqual(locks.conflict('f', 'b', 'shared', range(40, 61)), null);
});

test('releasing the middle leaves both ends, and releasing all of an owner leaves none of its locks anywhere', () => {
  const locks = new RangeLocks();
  locks.take('f', 'a', 'exclusive', WHOLE_FILE);
  locks.take('g', 'a', 'exclusive', WHOLE_FILE);
  locks.release('f', 'a', range(10, 20));
  assert.equal(locks.take('f', 'b', 'exclusive', range(10, 20)), null);
  assert.notEqual(locks.conflict('f', 'b', 'shared', range(9, 10)), null);
  assert.notEqual(locks.conflict('f', 'b', 'shared', range(1e15, 1e15 + 1)), null);
  locks.releaseOwner('a');
  assert.deepEqual(
    locks.held('f').map(({ owner }) => owner),
    ['b'],
  );
  assert.deepEqual(locks.held('g'), []);
});

test('locks go with the name to the file that replaces another one', () => {
  const locks = new RangeLocks();
  locks.take('old', 'a', 'exclusive', WHOLE_FILE);
  locks.handOver('old', 'new');
  locks.handOver('new', 'new');
  assert.deepEqual(locks.held('old'), []);
  assert.equal(locks.conflict('new', 'b', 'shared', range(0, 1))?.owner, 'a');
});

test('agrees with a model that has one cell for each byte', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const locks = new RangeLocks();
  const cells = Array.from({ length: 24 }, () => new Map<string, string>());
  for (let step = 0; step < 20_000; step += 1) {
    const owner = 'abc'[next(3)] as string;
    const start = next(24);
    const wanted = range(start, start + 1 + next(24 - start));
    const touched = cells.slice(wanted.start, wanted.end);
    if (next(3) === 0) {
      locks.release('f', owner, wanted);
      for (const cell of touched) cell.delete(owner);
      continue;
    }
    const mode = next(2) === 0 ? 'shared' : 'exclusive';
    const isFree = touched.every((cell) =>
      [...cell].every(([other, held]) => other === owner || (mode === 'shared' && held === 'shared')),
    );
    assert.equal(locks.take('f', owner, mode, wanted) === null, isFree, `SEED=${seed} step ${step}`);
    if (isFree) for (const cell of touched) cell.set(owner, mode);
  }
});
