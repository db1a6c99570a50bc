import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Dice } from './dice.ts';
import { Scheduler } from './scheduler.ts';

const LIMITS = { maxEvents: 10_000, maxVirtualMs: 10_000 };
const make = (seed = 1): Scheduler => new Scheduler(Dice.fromSeed(seed));

/** The order in which ten events of one instant run. */
async function orderOf(seed: number): Promise<number[]> {
  const scheduler = make(seed);
  const order: number[] = [];
  for (let i = 0; i < 10; i += 1) scheduler.after(5, () => order.push(i));
  await scheduler.runUntil(() => order.length === 10, LIMITS);
  return order;
}

describe('Scheduler', () => {
  it('runs events in the order of their times and moves the clock to them', async () => {
    const scheduler = make();
    const seen: number[] = [];
    for (const delayMs of [30, 5, 20.5, 0, 10]) scheduler.after(delayMs, () => seen.push(scheduler.nowMs));
    assert.equal(await scheduler.runUntil(() => seen.length === 5, LIMITS), 'done');
    assert.deepEqual(seen, [0, 5, 10, 20.5, 30]);
    assert.equal(scheduler.events, 5);
  });

  it('orders events of one instant by the seed', async () => {
    assert.deepEqual(await orderOf(1), await orderOf(1));
    assert.notDeepEqual(await orderOf(1), await orderOf(2));
  });

  it('settles whole promise chains between two events', async () => {
    const scheduler = make();
    const order: string[] = [];
    scheduler.after(1, () => {
      void (async () => {
        for (let i = 0; i < 50; i += 1) await null;
        order.push('chain');
      })();
    });
    scheduler.after(1.001, () => order.push('event'));
    await scheduler.runUntil(() => order.length === 2, LIMITS);
    assert.deepEqual(order, ['chain', 'event']);
  });

  it('does not run what was cancelled', async () => {
    const scheduler = make();
    const event = scheduler.after(1, () => assert.fail('cancelled'));
    scheduler.cancel(event);
    scheduler.cancel(event);
    assert.equal(await scheduler.runUntil(() => false, LIMITS), 'idle');
  });

  it('is idle when only background events are left', async () => {
    const scheduler = make();
    let turns = 0;
    const again = (): void => {
      turns += 1;
      scheduler.after(10, again, true);
    };
    again();
    scheduler.after(55, () => undefined);
    assert.equal(await scheduler.runUntil(() => false, LIMITS), 'idle');
    assert.equal(turns, 6);
  });

  it('stops at the limits of events and of time', async () => {
    const scheduler = make();
    const again = (): void => {
      scheduler.after(1, again);
    };
    again();
    assert.equal(await scheduler.runUntil(() => false, { maxEvents: 100, maxVirtualMs: 1e9 }), 'events');
    assert.equal(scheduler.events, 100);
    assert.equal(await scheduler.runUntil(() => false, { maxEvents: 1e9, maxVirtualMs: 50.5 }), 'time');
    assert.equal(scheduler.nowMs, 150.5);
  });

  it('throws what an event threw, and the first violation', async () => {
    const scheduler = make();
    scheduler.after(1, () => {
      scheduler.violate(new Error('first'));
      throw new Error('second');
    });
    await assert.rejects(
      scheduler.runUntil(() => false, LIMITS),
      /first/,
    );
  });

  it('keeps thousands of events in order', async () => {
    const scheduler = make();
    const dice = Dice.fromSeed(4);
    let last = 0;
    let ran = 0;
    for (let i = 0; i < 3_000; i += 1) {
      const event = scheduler.after(dice.unit() * 100, () => {
        assert.ok(scheduler.nowMs >= last);
        last = scheduler.nowMs;
        ran += 1;
      });
      if (i % 3 === 0) scheduler.cancel(event);
    }
    assert.equal(await scheduler.runUntil(() => false, LIMITS), 'idle');
    assert.equal(ran, 2_000);
  });
});
