import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { QuotaSeat } from '../../world/mounts.ts';
import { QuotaClerk } from './quota_clerk.ts';
import { QuotaLedger } from './quota_ledger.ts';

const LIMIT_BYTES = 10_000;
const ROUNDS = 20_000;

interface Work {
  readonly seat: QuotaSeat;
  /** A size that all change, which only turns keep whole, and how often somebody found it torn. */
  readonly file: SharedArrayBuffer;
  /** Stands still in the middle of its turn, for good. */
  readonly stops: boolean;
}

/** Sets the size of the file in two steps, as whoever comes between them would see. */
function resize(words: Int32Array, change: number): void {
  if (words[0] !== words[1]) words[2] = (words[2] ?? 0) + 1;
  words[0] = (words[0] ?? 0) + change;
  words[1] = words[0];
}

if (!isMainThread) {
  const { seat, file, stops } = workerData as Work;
  const clerk = new QuotaClerk(seat);
  const words = new Int32Array(file);
  for (let round = 0; round < ROUNDS; round += 1)
    clerk.inTurn(() => {
      const change = ((round * 7_919 + seat.number) % 400) - 200;
      const size = words[0] ?? 0;
      if (size + change < 0 || !clerk.charge(change)) return 0;
      resize(words, change);
      return 0;
    });
  if (stops)
    clerk.inTurn(() => {
      clerk.settle(77);
      clerk.hold(50);
      Atomics.store(words, 3, 1);
      Atomics.notify(words, 3);
      return Number(Atomics.wait(words, 4, 0) === 'ok');
    });
}

const start = (work: Work) => new Worker(new URL(import.meta.url), { workerData: work });

if (isMainThread) {
  test('threads and the main thread that change one file leave an account that is right, and never above the limit', async () => {
    const ledger = new QuotaLedger(LIMIT_BYTES, 0);
    const file = new SharedArrayBuffer(32);
    const words = new Int32Array(file);
    const threads = [1, 2].map(() => start({ seat: ledger.seat(), file, stops: false }));
    const done = Promise.all(threads.map((thread) => once(thread, 'exit')));
    for (let round = 0; round < 2_000; round += 1)
      await ledger.inTurn(async () => {
        const change = ((round * 104_729) % 300) - 150;
        if ((words[0] ?? 0) + change < 0 || ledger.freeBytes < change) return;
        ledger.charge(change);
        await Promise.resolve();
        resize(words, change);
        assert.ok(ledger.usedBytes <= LIMIT_BYTES);
      });
    await done;
    assert.deepEqual([words[2], ledger.usedBytes], [0, words[0]]);
  });

  test('a thread that is gone in the middle of its turn holds up nobody, and what it held is given back', async () => {
    const ledger = new QuotaLedger(LIMIT_BYTES, 0);
    const file = new SharedArrayBuffer(32);
    const words = new Int32Array(file);
    const seat = ledger.seat();
    const other = ledger.seat();
    const thread = start({ seat, file, stops: true });
    const stopped = Atomics.waitAsync(words, 3, 0);
    if (stopped.async) await stopped.value;
    const before = ledger.usedBytes;
    const turn = ledger.inTurn(async () => 'mine');
    await thread.terminate();
    assert.equal(ledger.leave(other), false);
    assert.equal(ledger.leave(seat), true, 'it is to be counted anew');
    assert.equal(ledger.leave(seat), false, 'told once');
    assert.equal(await turn, 'mine');
    assert.equal(ledger.usedBytes, before - 50);
    ledger.reserve(30);
    await ledger.recount(async () => ({ sum: 1_000, ofOwners: [] }));
    assert.equal(ledger.usedBytes, 1_030);
  });
}
