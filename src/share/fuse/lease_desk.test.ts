import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { LEASE } from '../../cache/lease/lease_kinds.ts';
import type { LeaseOrder, LeaseTold } from '../../world/mounts.ts';
import { LeaseDesk } from './lease_desk.ts';
import { LeaseWords } from './lease_words.ts';

/** A desk with two servers, and time that moves when it is told to. */
function start() {
  let nowMs = 0;
  const sleepers: { readonly wakeMs: number; readonly wake: () => void }[] = [];
  const clock = {
    monotonicMs: () => nowMs,
    sleep: (ms: number) => new Promise<void>((wake) => void sleepers.push({ wakeMs: nowMs + ms, wake })),
  };
  const desk = new LeaseDesk(clock);
  const words = new LeaseWords(desk.memory);
  const server = () => {
    const orders: LeaseOrder[] = [];
    const ended = Promise.withResolvers<null>();
    let tell: (told: LeaseTold) => void = () => assert.fail('nobody listens');
    desk.join({
      lease: (order) => void orders.push(order),
      onLease: (take) => {
        tell = take;
      },
      ended: ended.promise,
    });
    return { orders, tell: (told: LeaseTold) => tell(told), end: () => ended.resolve(null) };
  };
  const passes = async (ms: number) => {
    nowMs += ms;
    for (const { wakeMs, wake } of sleepers) if (wakeMs <= nowMs) wake();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { desk, words, a: server(), b: server(), passes };
}

const ASK = { kind: 'ask', question: 1, file: 'f', kinds: LEASE.all, ownWriters: 0 } as const;
const SLOT = LeaseWords.slotOf('f');

test('a lease is counted where all threads see it, and is broken before another server goes on', () => {
  const { a, b, words, desk } = start();
  a.tell(ASK);
  const epoch = 1;
  assert.deepEqual(a.orders, [{ kind: 'given', question: 1, kinds: LEASE.all, epoch }]);
  assert.deepEqual([words.total, words.leases(SLOT), words.writeLeases(SLOT)], [1, 1, 1]);
  b.tell({ kind: 'claim', claim: 7, files: ['f'], isWrite: true });
  assert.deepEqual(a.orders.at(-1), { kind: 'break', file: 'f', epoch, kinds: 0 });
  assert.deepEqual(b.orders, []);
  a.tell({ kind: 'kept', file: 'f', epoch, kinds: 0 });
  assert.deepEqual(b.orders, [{ kind: 'go', claim: 7 }]);
  assert.deepEqual([words.total, words.leases(SLOT), words.writeLeases(SLOT)], [0, 0, 0]);
  assert.deepEqual(desk.counts, { leases: 0, claims: 1 });
  b.tell({ kind: 'settled', claim: 7 });
  assert.deepEqual(desk.counts, { leases: 0, claims: 0 });
});

test('nobody gets a lease on what others have open for writing', () => {
  const { a, words } = start();
  words.addWriter(SLOT, 1);
  a.tell(ASK);
  assert.deepEqual(a.orders, [{ kind: 'given', question: 1, kinds: 0, epoch: 0 }]);
  assert.equal(words.total, 0);
  a.tell({ ...ASK, question: 2, ownWriters: 1 });
  assert.deepEqual(a.orders.at(-1), { kind: 'given', question: 2, kinds: LEASE.all, epoch: 1 });
});

test('who does not answer in time is fenced, and counts no more', async () => {
  const { a, b, words, passes } = start();
  a.tell(ASK);
  b.tell({ kind: 'claim', claim: 1, files: ['f'], isWrite: true });
  await passes(LIMITS.leaseBreakMs.value - 1);
  assert.deepEqual(b.orders, []);
  await passes(1);
  assert.deepEqual(a.orders.at(-1), { kind: 'fenced', file: 'f', epoch: 1 });
  assert.deepEqual(b.orders, [{ kind: 'go', claim: 1 }]);
  assert.equal(words.total, 0);
});

test('what a server has and claims ends with it, and a mount that says so has nothing', async () => {
  const { a, b, words, desk, passes } = start();
  a.tell(ASK);
  a.tell({ kind: 'forgotten' });
  assert.equal(words.total, 0);
  a.tell({ ...ASK, question: 2, file: 'g' });
  b.tell({ kind: 'claim', claim: 1, files: null, isWrite: true });
  assert.deepEqual(b.orders, []);
  a.end();
  await passes(0);
  assert.deepEqual(b.orders, [{ kind: 'go', claim: 1 }]);
  b.end();
  await passes(0);
  assert.deepEqual(desk.counts, { leases: 0, claims: 0 });
  a.tell({ ...ASK, question: 3 });
  assert.equal(words.total, 0, 'it is over');
});

test('a change by who waits for nobody breaks the lease, and one question more gets another one', () => {
  const { a } = start();
  a.tell(ASK);
  a.tell({ kind: 'changed', file: 'f' });
  assert.deepEqual(a.orders.at(-1), { kind: 'break', file: 'f', epoch: 1, kinds: 0 });
  a.tell({ ...ASK, question: 2 });
  assert.deepEqual(a.orders.at(-1), { kind: 'given', question: 2, kinds: 0, epoch: 0 });
  a.tell({ kind: 'kept', file: 'f', epoch: 1, kinds: 0 });
  a.tell({ ...ASK, question: 3 });
  assert.deepEqual(a.orders.at(-1), { kind: 'given', question: 3, kinds: LEASE.all, epoch: 2 });
});
