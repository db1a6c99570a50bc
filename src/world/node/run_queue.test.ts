import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { RunQueue } from './run_queue.ts';

const isTold = process.platform === 'linux';

test('what threads wait for a processor is a sum that only rises', {
  skip: isTold ? false : 'no /proc',
}, () => {
  const queue = new RunQueue();
  const threads = readdirSync('/proc/self/task');
  const all = queue.waitedMs(threads);
  assert.ok(all !== null && all >= 0);
  const one = queue.waitedMs(threads.slice(0, 1)); // the others have ended
  assert.ok(one !== null && one >= all);
  assert.ok(queue.waitedMs(threads)! >= one);
});

test('a machine that does not tell is not made to look as if nothing waited', () => {
  assert.equal(new RunQueue().waitedMs(['no such thread']), null);
});
