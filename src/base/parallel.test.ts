import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deferred, deferred } from './deferred.ts';
import { forEachAtOnce } from './parallel.ts';

/** One turn of the event loop: every promise that can settle has. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

function stage(atOnce: number) {
  const begun: number[] = [];
  const ends: Deferred<void>[] = [0, 1, 2, 3].map(() => deferred<void>());
  const over = forEachAtOnce([0, 1, 2, 3], atOnce, async (item) => {
    begun.push(item);
    await ends[item]!.promise;
  });
  return { begun, ends, over };
}

test('begins the next item when one has ended, never more than told at a time', async () => {
  const { begun, ends, over } = stage(2);
  await turn();
  assert.deepEqual(begun, [0, 1]);
  ends[1]!.resolve();
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  for (const end of ends) end.resolve();
  await over;
  assert.deepEqual(begun, [0, 1, 2, 3]);
});

test('after a failure nothing is begun, and what runs is waited for', async () => {
  const { begun, ends, over } = stage(2);
  let settled = false;
  const failed = over.catch((failure: Error) => failure.message).finally(() => (settled = true));
  ends[0]!.reject(new Error('first'));
  await turn();
  assert.deepEqual([begun, settled], [[0, 1], false]);
  ends[1]!.reject(new Error('second'));
  assert.equal(await failed, 'first');
  assert.deepEqual(begun, [0, 1]);
});

test('no items need no work', async () => {
  await forEachAtOnce([], 3, () => assert.fail('there is nothing to do'));
});
