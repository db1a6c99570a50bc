import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StageFigure } from '../../wire/copy_types.ts';
import type { Clock } from '../../world/clock.ts';
import type { SideReading } from '../copy_progress.ts';
import { StageMeter } from '../stage_meter.ts';
import { AutoLevel } from './auto_level.ts';
import { isTold, linkShare } from './link_share.ts';

const MB = 1_000_000;
const MESSAGE = MB;

/** A copy whose stages work at the same time: how fast each of them is, in bytes a second. */
interface Plant {
  readonly link: number;
  /** A rate that was asked for. */
  readonly limit?: number;
  readonly compress: number;
  readonly ratio: number;
  readonly write: number;
  /** Share of the time that the thread of the sink is at work. */
  readonly thread: number;
}

const TEXT: Plant = { link: 10 * MB, compress: 300 * MB, ratio: 4, write: 2_000 * MB, thread: 0.1 };

/** Lets messages go through a plant for so long; the levels at which they went. */
async function run(plant: Plant, forMs: number): Promise<number[]> {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const meter = new StageMeter(clock);
  const sum = { write: 0, thread: 0 };
  const reading = (stages: readonly StageFigure[]): SideReading => ({
    atMs: nowMs,
    heardMs: nowMs,
    stages,
    evidence: { mainThreadMs: sum.thread },
  });
  const remote = () => reading([figure('destinationWrite', sum.write)]);
  const level = new AutoLevel({ clock, meter, lanes: 1, local: () => reading(meter.figures()), remote });
  const levels: number[] = [];
  while (nowMs < forMs) {
    const now = level.now();
    const ratio = now > 0 ? plant.ratio : 1;
    const workMs = now > 0 ? (MESSAGE / plant.compress) * 1000 : 0;
    const linkMs = (MESSAGE / ratio / plant.link) * 1000;
    const writeMs = (MESSAGE / plant.write) * 1000;
    level.worked(workMs, plant.ratio);
    // while the disk does not take what has arrived, the sender waits for the link as well
    const tookMs = Math.max(linkMs, writeMs, workMs);
    const limitMs = plant.limit === undefined ? 0 : (MESSAGE / ratio / plant.limit) * 1000;
    await meter.wait('limit', async () => {
      nowMs += limitMs;
    });
    const since = meter.enter('link');
    nowMs += tookMs;
    meter.leave('link', since, MESSAGE / ratio);
    sum.write += writeMs;
    sum.thread += plant.thread * tookMs;
    level.sent(MESSAGE, now);
    levels.push(now);
  }
  return levels;
}

function figure(stage: StageFigure['stage'], busyMs: number): StageFigure {
  return { stage, bytes: busyMs, busyMs, activeMs: 0, starvedMs: 0, blockedMs: 0 };
}

test('compresses where the link is what everything waits for, and only there', async () => {
  const rows: [what: string, plant: Partial<Plant>, compresses: boolean][] = [
    ['a slow link', {}, true],
    ['a very slow link', { link: 0.3 * MB }, true],
    ['a rate that was asked for, on a fast link', { link: 1_000 * MB, limit: 5 * MB }, true],
    ['a fast link', { link: 1_500 * MB }, false],
    ['a slow disk behind a fast link', { link: 1_000 * MB, write: 20 * MB }, false],
    ['a thread that has no time left', { link: 200 * MB, thread: 0.95 }, false],
    ['bytes that do not get smaller', { ratio: 1 }, false],
  ];
  for (const [what, change, compresses] of rows) {
    const levels = await run({ ...TEXT, ...change }, 60_000);
    assert.equal(levels.at(-1)! > 0, compresses, what);
    if (!compresses)
      assert.ok(
        levels.every((level) => level === 0),
        `${what}: not once`,
      );
  }
});

test('begins within two seconds on a slow link', async () => {
  const levels = await run({ ...TEXT, link: 4 * MB }, 10_000);
  assert.ok(levels.indexOf(1) * (1_000 / 4) < 2_000, `after ${levels.indexOf(1)} messages`);
});

const side = (stages: object, rise: object = {}, lengthMs = 1_000) =>
  ({ lengthMs, stages, rise, last: {} }) as Parameters<typeof linkShare>[0]['sink'];

test('work behind the link, and of the threads at its ends, is not the link', () => {
  const idle = side({}, { mainThreadMs: 0.2 });
  assert.equal(linkShare({ source: idle, sink: idle }), 1);
  assert.ok(linkShare({ source: idle, sink: side({ destinationFlush: { busy: 0.9 } }) }) < 0.11);
  assert.ok(linkShare({ source: side({}, { mainThreadMs: 0.8 }), sink: idle }) < 0.21);
  assert.ok(linkShare({ source: idle, sink: side({ verify: { busy: 1 } }) }) > 0);
});

test('a fast link is judged once both sides have told of their threads', () => {
  const load = { wireBytes: 100 * MB, linkBusyMs: 500 } as Parameters<typeof isTold>[1];
  const told = side({}, { mainThreadMs: 0.2 });
  assert.equal(isTold({ source: told, sink: side({}) }, load), false);
  assert.equal(isTold({ source: told, sink: told }, load), true);
  const slow = { ...load, wireBytes: MB };
  assert.equal(isTold({ source: side({}), sink: side({}) }, slow), true);
  assert.equal(isTold({ source: side({}), sink: side({}, {}, 0) }, slow), false);
});
