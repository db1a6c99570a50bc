import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { type IntervalLoad, initialLevel, type LevelState, nextLevel } from './level_controller.ts';
import { LEVELS } from './level_figures.ts';

const MB = 1_000_000;
const INTERVAL_MS = 500;

/** A copy whose stages work at the same time; rates in bytes a second, compressors by level and for one lane. */
interface Plant {
  readonly link: number;
  readonly source: number;
  readonly lanes: number;
  readonly compress: readonly number[];
  readonly ratio: readonly number[];
}

const TEXT: Pick<Plant, 'compress' | 'ratio' | 'lanes' | 'source'> = {
  compress: [Number.POSITIVE_INFINITY, 380 * MB, 220 * MB, 90 * MB, 50 * MB],
  ratio: [1, 5.35, 5.94, 6.68, 6.84],
  lanes: 1,
  source: 5_000 * MB,
};

function throughput(plant: Plant, at: number): number {
  return Math.min(plant.source, plant.lanes * plant.compress[at]!, plant.link * plant.ratio[at]!);
}

function loadOf(plant: Plant, level: number, sampled = true): IntervalLoad {
  const at = LEVELS.indexOf(level as 0);
  const payloadBytes = (throughput(plant, at) * INTERVAL_MS) / 1000;
  const wireBytes = payloadBytes / plant.ratio[at]!;
  return {
    elapsedMs: INTERVAL_MS,
    lanes: plant.lanes,
    linkBusyMs: (wireBytes / plant.link) * 1000,
    compressBusyMs: (payloadBytes / plant.compress[at]!) * 1000,
    payloadBytes,
    wireBytes,
    sampledRatio: sampled ? plant.ratio[1]! : null,
  };
}

function run(
  plant: Plant,
  intervals: number,
  start = initialLevel(),
  sampled = true,
): { state: LevelState; levels: number[] } {
  let state = start;
  const levels: number[] = [];
  for (let i = 0; i < intervals; i += 1) {
    state = nextLevel(state, loadOf(plant, state.level, sampled));
    levels.push(state.level);
  }
  return { state, levels };
}

test('the level follows the bottleneck', () => {
  const rows: [what: string, plant: Plant, level: number][] = [
    ['a link faster than any compressor', { ...TEXT, link: 1_200 * MB }, 0],
    ['a link as fast as the compressor', { ...TEXT, link: 360 * MB }, 0],
    ['a gigabit link', { ...TEXT, link: 110 * MB }, 1],
    ['a link that level 3 keeps up with', { ...TEXT, link: 35 * MB }, 3],
    ['a slow link', { ...TEXT, link: 13 * MB }, 6],
    ['a crawling link', { ...TEXT, link: MB }, 9],
    ['data that does not get smaller', { ...TEXT, link: 10 * MB, ratio: [1, 1, 1, 1, 1] }, 0],
    ['a slow source', { ...TEXT, link: 100 * MB, source: 40 * MB }, 0],
    ['more lanes than one', { ...TEXT, link: 400 * MB, lanes: 4 }, 1],
  ];
  for (const [what, plant, level] of rows) assert.equal(run(plant, 100).state.level, level, what);
});

test('does not move before several intervals agree, and then by one step', () => {
  const { levels } = run({ ...TEXT, link: 2 * MB }, 12);
  assert.deepEqual(levels.slice(0, 7), [0, 0, 1, 1, 1, 3, 3]);
});

test('a single odd interval changes nothing', () => {
  const plant: Plant = { ...TEXT, link: 110 * MB };
  const settled = run(plant, 50).state;
  let state = settled;
  for (let i = 0; i < 30; i += 1) {
    const odd: Plant = { ...TEXT, link: i % 3 === 0 ? 2_000 * MB : 110 * MB };
    state = nextLevel(state, loadOf(odd, state.level));
    assert.equal(state.level, settled.level);
  }
});

test('intervals that say nothing leave the state as it is', () => {
  const { state } = run({ ...TEXT, link: 110 * MB }, 50);
  const load = loadOf({ ...TEXT, link: 5 * MB }, state.level);
  for (const idle of [
    { payloadBytes: 0 },
    { elapsedMs: 0 },
    { linkBusyMs: 0 },
    { payloadBytes: 1000, wireBytes: 900 },
  ])
    assert.equal(nextLevel(state, { ...load, ...idle }), state);
});

test('follows a link that becomes slow or fast', () => {
  let { state } = run({ ...TEXT, link: 1_000 * MB }, 30);
  assert.equal(state.level, 0);
  ({ state } = run({ ...TEXT, link: 13 * MB }, 30, state));
  assert.equal(state.level, 6);
  ({ state } = run({ ...TEXT, link: 1_000 * MB }, 30, state));
  assert.equal(state.level, 0);
});

test('whatever the rates, it settles near the best level and stays', (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  const spread = (least: number, most: number): number => least * (most / least) ** random();
  for (let round = 0; round < 2_000; round += 1) {
    const compress = [Number.POSITIVE_INFINITY, spread(80, 900) * MB];
    const ratio = [1, 1 + spread(0.05, 6)];
    for (let at = 2; at < LEVELS.length; at += 1) {
      compress.push(compress[at - 1]! * (0.3 + 0.5 * random()));
      ratio.push(1 + (ratio[at - 1]! - 1) * (1 + 0.2 * random()));
    }
    const plant: Plant = {
      link: spread(1, 2_000) * MB,
      source: spread(50, 5_000) * MB,
      lanes: 1 + Math.floor(random() * 4),
      compress,
      ratio,
    };
    const { state, levels } = run(plant, 200, initialLevel(), round % 2 === 0);
    const shown = `SEED=${seed} round ${round}: ${JSON.stringify(plant)} ${levels.join(' ')}`;
    const best = Math.max(...LEVELS.map((_, at) => throughput(plant, at)));
    const isUntried = levels.every((level) => level === 0) && plant.link >= 330 * MB * plant.lanes;
    assert.ok(isUntried || throughput(plant, LEVELS.indexOf(state.level)) >= 0.75 * best, shown);
    const moves = levels.slice(60).filter((level, i) => i > 0 && level !== levels.slice(60)[i - 1]).length;
    assert.ok(moves === 0, shown);
  }
});
