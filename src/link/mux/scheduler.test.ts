import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { ClassScheduler } from './scheduler.ts';

const QUANTUM = LIMITS.frameQuantumMaxBytes.value;

/** Bytes that each class sends in `frames` frames while the classes in `waits` always wait. */
function shares(waits: boolean[], frames: number, sizes: readonly number[]): number[] {
  const scheduler = new ClassScheduler();
  const sent = [0, 0, 0, 0];
  for (let i = 0; i < frames; i += 1) {
    const index = scheduler.next(waits);
    assert.ok(index !== null && waits[index]);
    sent[index] = (sent[index] as number) + (sizes[index] as number);
    scheduler.sent(index, sizes[index] as number, waits);
  }
  return sent;
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 0.02, `${actual} instead of ${expected}`);
}

describe('ClassScheduler', () => {
  const equal = [QUANTUM, QUANTUM, QUANTUM, QUANTUM];

  it('has nothing to choose when nobody waits', () => {
    assert.equal(new ClassScheduler().next([false, false, false, false]), null);
  });

  it('shares bulk and background 4 : 1 in bytes, whatever the size of their frames', () => {
    for (const sizes of [equal, [1, 1, QUANTUM, 20_000], [1, 1, 16_000, QUANTUM]]) {
      const [, , bulk = 0, background = 0] = shares([false, false, true, true], 20_000, sizes);
      near(background / (bulk + background), 0.2);
    }
  });

  it('prefers control and interactive, and leaves one byte in ten to those behind them', () => {
    const sizes = [2_000, 16_000, QUANTUM, QUANTUM];
    const [control = 0, interactive = 0, bulk = 0, background = 0] = shares(
      [true, true, true, true],
      100_000,
      sizes,
    );
    const urgent = control + interactive;
    const all = urgent + bulk + background;
    near(urgent / all, 0.9);
    near(interactive / urgent, 0.1);
    near(background / (bulk + background), 0.2);
  });

  it('lets a control frame that comes up pass a saturated bulk class at once', () => {
    const scheduler = new ClassScheduler();
    const bulkOnly = [false, false, true, true];
    const both = [true, false, true, true];
    for (let i = 0; i < 1000; i += 1) {
      const index = scheduler.next(i % 10 === 0 ? both : bulkOnly);
      if (i % 10 === 0) assert.equal(index, 0);
      scheduler.sent(index ?? 0, index === 0 ? 200 : QUANTUM, i % 10 === 0 ? both : bulkOnly);
    }
  });

  it('never lets a control frame wait for more than one frame of those behind', () => {
    const scheduler = new ClassScheduler();
    const waits = [true, false, true, false];
    let behind = 0;
    for (let i = 0; i < 100_000; i += 1) {
      const index = scheduler.next(waits) ?? 0;
      behind = index === 0 ? 0 : behind + 1;
      assert.ok(behind <= 1);
      scheduler.sent(index, index === 0 ? 1_000 : 16_000, waits);
    }
  });

  it('keeps no debt from a time without competition', () => {
    const scheduler = new ClassScheduler();
    const alone = [false, false, true, false];
    for (let i = 0; i < 1000; i += 1) scheduler.sent(scheduler.next(alone) ?? 0, QUANTUM, alone);
    const order = Array.from({ length: 10 }, () => {
      const index = scheduler.next([false, false, true, true]) ?? 0;
      scheduler.sent(index, QUANTUM, [false, false, true, true]);
      return index;
    });
    assert.ok(order.filter((index) => index === 2).length >= 7, `${order}`);
  });
});
