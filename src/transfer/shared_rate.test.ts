import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_FAULTS } from '../world/sim/faults.ts';
import { Sim } from '../world/sim/sim.ts';
import type { World } from '../world/world.ts';
import type { FlowSpec } from './fair_scheduler.ts';
import { SharedRate } from './shared_rate.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const RATE = 40 * MIB;
const WINDOW_MS = 10_000;

interface Copy extends Partial<FlowSpec> {
  readonly lanes?: number;
  /** How long a lane takes for a piece, in ms, before it asks for it to go. */
  readonly readMs?: number;
  readonly pieceBytes?: number;
  readonly startsAtMs?: number;
  /** By how much more a read takes at most, by chance. */
  readonly lateMs?: number;
}

/** Bytes that each copy has sent, at the end of each window; in simulated time. */
async function run(
  copies: readonly Copy[],
  windows: number,
  weightOf: (vm: string, nowMs: number) => number = () => 1,
): Promise<number[][]> {
  const sim = new Sim(1, NO_FAULTS);
  const marks: number[][] = [];
  sim.machine('host').spawn('daemon', async (world) => {
    const rate = new SharedRate(world.clock, RATE, (vm) => weightOf(vm, world.clock.monotonicMs()));
    const sent = copies.map(() => 0);
    const over = new AbortController();
    const lanes = copies.flatMap((copy, at) => {
      const { vm = `vm${at}`, trafficClass = 'bulk', weight = 1, lanes: count = 2 } = copy;
      const flow = rate.join({ vm, trafficClass, weight });
      const onSent = (bytes: number) => {
        sent[at]! += bytes;
      };
      return Array.from({ length: count }, () => lane(world, copy, { flow, onSent, signal: over.signal }));
    });
    for (let window = 0; window <= windows; window += 1) {
      marks.push([...sent]);
      if (window < windows) await world.clock.sleep(WINDOW_MS);
    }
    over.abort(new Error('over'));
    await Promise.allSettled(lanes);
  });
  await sim.runUntil(() => marks.length > windows, { maxVirtualMs: 3_600_000, maxEvents: 10_000_000 });
  return marks.slice(1).map((mark, at) => mark.map((bytes, copy) => bytes - marks[at]![copy]!));
}

async function lane(
  { clock, random }: World,
  { readMs = 3, pieceBytes = MIB, startsAtMs = 0, lateMs = 0 }: Copy,
  to: {
    readonly flow: ReturnType<SharedRate['join']>;
    readonly onSent: (bytes: number) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await clock.sleep(startsAtMs, to.signal);
  for (;;) {
    await clock.sleep(readMs + (lateMs * random.u32()) / 2 ** 32, to.signal);
    await to.flow.take(pieceBytes, to.signal, () => undefined);
    to.onSent(pieceBytes);
  }
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
const shares = (values: readonly number[]) => values.map((value) => value / sum(values));

function near(actual: readonly number[], expected: readonly number[], error: number): void {
  for (const [at, value] of actual.entries())
    assert.ok(Math.abs(value - expected[at]!) <= error, `${actual} instead of ${expected}`);
}

test('machines share by their weights in every window of 10 s, and copies have nine tenths of the rate', async (t) => {
  const weights: Record<string, number> = { a: 1, b: 2, c: 4 };
  const windows = await run([{ vm: 'a' }, { vm: 'b' }, { vm: 'c' }], 12, (vm) => weights[vm]!);
  let worst = 0;
  for (const window of windows) {
    near([sum(window) / ((RATE * WINDOW_MS) / 1000)], [0.9], 0.01);
    for (const [at, share] of shares(window).entries())
      worst = Math.max(worst, Math.abs(share / (2 ** at / 7) - 1));
  }
  t.diagnostic(`largest error ${(worst * 100).toFixed(2)} % of the share`);
  assert.ok(worst <= 0.02, `${worst}`);
});

test('shares hold where everything comes late by chance, as on a busy machine', async (t) => {
  const copies = [1, 2, 4].map((weight) => ({
    weight,
    vm: 'a',
    pieceBytes: 256 * KIB,
    readMs: 2,
    lateMs: 20,
  }));
  const windows = await run(copies, 6);
  const worst = Math.max(
    ...windows.flatMap((window) => shares(window).map((share, at) => Math.abs(share / (2 ** at / 7) - 1))),
  );
  t.diagnostic(`largest error ${(worst * 100).toFixed(2)} % of the share`);
  assert.ok(worst <= 0.02, `${worst}`);
});

test('copies of one machine share by theirs, whatever their lanes and pieces', async () => {
  const [window = []] = await run(
    [
      { vm: 'a', weight: 1, lanes: 8 },
      { vm: 'a', weight: 2, lanes: 2, pieceBytes: 100 * KIB },
      { vm: 'a', weight: 4, lanes: 2, pieceBytes: 300 * KIB },
    ],
    1,
  );
  near(shares(window), [1 / 7, 2 / 7, 4 / 7], 0.01);
});

test('a machine with more copies has no more for that', async () => {
  const [window = []] = await run([{ vm: 'a' }, { vm: 'b' }, { vm: 'b' }, { vm: 'b' }], 1);
  near(shares(window), [1 / 2, 1 / 6, 1 / 6, 1 / 6], 0.01);
});

test('background has one byte in five beside bulk, and all where there is none', async () => {
  const [both = [], late = []] = await run(
    [
      { vm: 'a' },
      { vm: 'a', trafficClass: 'background' },
      { vm: 'b', trafficClass: 'background', startsAtMs: 10_000 },
    ],
    2,
  );
  near(shares(both), [0.8, 0.2, 0], 0.01);
  near(shares(late), [0.8, 0.1, 0.1], 0.01);
  const [alone = []] = await run([{ trafficClass: 'background' }], 1);
  near([sum(alone) / ((RATE * WINDOW_MS) / 1000)], [0.9], 0.01);
});

test('what a slow copy does not use the others have, and it is not held up by them', async () => {
  // one lane with 1 MiB in 500 ms has use for 2 MiB/s
  const [window = []] = await run([{ readMs: 500, lanes: 1 }, {}, {}], 1);
  assert.ok(window[0]! >= 17 * MIB, `${window[0]}`);
  near([sum(window) / ((RATE * WINDOW_MS) / 1000)], [0.9], 0.01);
  near([window[1]! / window[2]!], [1], 0.01);
});

test('a machine whose weight is changed has the new share from then on', async () => {
  const weightOf = (vm: string, nowMs: number) => (vm === 'vm0' && nowMs > WINDOW_MS ? 3 : 1);
  const [before = [], afterwards = []] = await run([{}, {}], 2, weightOf);
  near(shares(before), [0.5, 0.5], 0.01);
  near(shares(afterwards), [0.75, 0.25], 0.01);
});

test('a wait ends with the signal, and the bytes are nobody else’s burden', async () => {
  const sim = new Sim(1, NO_FAULTS);
  let outcome: unknown = null;
  sim.machine('host').spawn('daemon', async ({ clock }) => {
    const rate = new SharedRate(clock, MIB, () => 1);
    const [one, two] = [0, 1].map((at) => rate.join({ vm: `vm${at}`, trafficClass: 'bulk', weight: 1 }));
    const forever = new AbortController().signal;
    await one!.take(MIB, forever, () => undefined);
    const over = new AbortController();
    let told = 0;
    const held = one!.take(500 * MIB, over.signal, () => {
      told += 1;
    });
    await clock.sleep(1_005);
    over.abort(new Error('enough'));
    const error: unknown = await held.catch((failure: unknown) => failure);
    one!.leave();
    const sinceMs = clock.monotonicMs();
    await two!.take(MIB, forever, () => undefined);
    outcome = { error, told, waitedMs: clock.monotonicMs() - sinceMs };
  });
  await sim.runUntil(() => outcome !== null, { maxVirtualMs: 60_000, maxEvents: 100_000 });
  const { error, told, waitedMs } = outcome as { error: Error; told: number; waitedMs: number };
  assert.match(String(error), /cancelled/);
  assert.equal(told, 1);
  // 1 MiB takes 1111 ms of nine tenths of 1 MiB/s
  assert.ok(waitedMs < 120, `${waitedMs}`);
});
