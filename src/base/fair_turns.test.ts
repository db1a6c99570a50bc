import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairTurns } from './fair_turns.ts';

interface Taker {
  turnAt: number;
  readonly weight: number;
  sentBytes: number;
}

const taker = (weight: number): Taker => ({ turnAt: 0, weight, sentBytes: 0 });

function sendNext(turns: FairTurns<Taker>, sizeBytes: number): Taker {
  const next = turns.next()!;
  turns.sent(next, sizeBytes, next.weight);
  next.sentBytes += sizeBytes;
  return next;
}

const sharesOf = (takers: readonly Taker[]) => {
  const all = takers.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  return takers.map(({ sentBytes }) => sentBytes / all);
};

test('nobody waits, nobody has a turn', () => {
  assert.equal(new FairTurns().next(), null);
});

test('bytes are shared by weight, whatever the size of the pieces', () => {
  const takers = [1, 2, 4].map(taker);
  const turns = new FairTurns<Taker>();
  for (const one of takers) turns.wait(one);
  const sizes = [100_000, 3_000, 70_000];
  for (let at = 0; at < 50_000; at += 1) sendNext(turns, sizes[takers.indexOf(turns.next()!)]!);
  for (const [at, share] of sharesOf(takers).entries())
    assert.ok(Math.abs(share - [1, 2, 4][at]! / 7) < 0.0005, `${share}`);
});

test('to come with one piece at a time gains and loses nothing', () => {
  const [steady, hesitant] = [taker(1), taker(3)];
  const turns = new FairTurns<Taker>();
  turns.wait(steady);
  turns.wait(hesitant);
  for (let at = 0; at < 40_000; at += 1) {
    const next = sendNext(turns, 1_000);
    if (next === hesitant) {
      turns.leave(hesitant);
      turns.wait(hesitant);
    }
  }
  assert.ok(Math.abs(sharesOf([steady, hesitant])[1]! - 0.75) < 0.001);
});

test('who was away gets no more than its share afterwards, and owes nothing for having been alone', () => {
  const [first, late] = [taker(1), taker(1)];
  const turns = new FairTurns<Taker>();
  turns.wait(first);
  for (let at = 0; at < 1_000; at += 1) sendNext(turns, 1_000);
  turns.wait(late);
  first.sentBytes = 0;
  for (let at = 0; at < 1_000; at += 1) sendNext(turns, 1_000);
  assert.ok(Math.abs(first.sentBytes - late.sentBytes) <= 1_000);
});
