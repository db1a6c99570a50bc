import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { WritePolicy } from '../../src/cache/write_back/write_policy.ts';
import { attempt, type Ran, type Trial } from './write_back_scenario.ts';
import { STEPS, sequences, statesOf } from './write_back_steps.ts';

interface Part {
  readonly seed: number;
  readonly part: number;
  readonly parts: number;
  readonly untilMs: number;
  /** What becomes of writes; null: they wait. */
  readonly writes: WritePolicy | null;
}

export interface Tried {
  readonly sequences: number;
  readonly trials: number;
  readonly left: number;
}

const LONGEST = 3;
/** Each trial leaves a world behind: what is collected seldom costs less. */
const YOUNG_MIB = 64;

/**
 * Fails at each operation that may change something, of the last step and of what follows it. What comes before is the same as in the sequence without
 * that step, where it was tried: the seed goes by the first step alone.
 */
async function tryOne(steps: Trial['steps'], seed: number, writes: WritePolicy | null): Promise<number> {
  const states = await statesOf(steps);
  if (states === null) return 0;
  let trials = 0;
  for (const far of ['memory', 'disk'] as const) {
    const policy = writes === null ? {} : { writes };
    const base = { steps, states, seed: seed + STEPS.indexOf(steps[0]!), far, ...policy };
    const { changing, beforeLast }: Ran = await attempt({ ...base, how: 'kill', crashAt: Infinity });
    const first = steps.length === 1 ? 1 : Math.max(1, beforeLast);
    for (const how of ['kill', 'power'] as const) {
      if (writes !== null && far === 'disk' && how === 'power') continue; // the power of this side: see write_back_policies.test.ts
      for (const crashAt of changing.filter((operation) => operation >= first)) {
        await attempt({ ...base, how, crashAt });
        trials += 1;
      }
    }
  }
  return trials;
}

/** Closing a file that is not open is nothing: the same as the sequence without it. */
function isNeeded(steps: Trial['steps']): boolean {
  return steps.every(({ name }, index) => {
    if (name !== 'close a') return true;
    const before = steps.slice(0, index).map((step) => step.name);
    const openedAt = before.findLastIndex((one) => /^(overwrite|append|truncate|fsync) a/.test(one));
    return openedAt > before.lastIndexOf('close a');
  });
}

/** What a step touches; null where its place in the order means something to all. */
function touchedBy({ name }: Trial['steps'][number]): readonly string[] | null {
  const [verb = '', ...paths] = name.split(' ');
  if (verb === 'fsync' || verb === 'close' || verb === 'replace') return null;
  return paths.filter((path) => path !== 'again').map((path) => path.slice(0, 1));
}

/**
 * Of two steps in a row that touch nothing in common either may come first: one order is tried. What a crash between them
 * leaves is tried by the sequences that have one of them only.
 */
function isInOrder(steps: Trial['steps']): boolean {
  return steps.every((step, index) => {
    const before = steps[index - 1];
    if (before === undefined || STEPS.indexOf(before) <= STEPS.indexOf(step)) return true;
    const [one, other] = [touchedBy(before), touchedBy(step)];
    return one === null || other === null || one.some((path) => other.includes(path));
  });
}

const allNeeded = (): Trial['steps'][] =>
  Array.from({ length: LONGEST }, (_, index) => sequences(index + 1))
    .flat()
    .filter((steps) => isNeeded(steps) && isInOrder(steps));

async function tryPart({ seed, part, parts, untilMs, writes }: Part): Promise<Tried> {
  const own = allNeeded().filter((_, index) => index % parts === part);
  let [done, trials] = [0, 0];
  for (const steps of own) {
    if (performance.timeOrigin + performance.now() > untilMs) break;
    trials += await tryOne(steps, seed, writes);
    done += 1;
  }
  return { sequences: done, trials, left: own.length - done };
}

/** All sequences, shorter ones first, in as many threads as there are processors; stops after that time. */
export async function tryAllInThreads(
  seed: number,
  minutes: number,
  writes: WritePolicy | null = null,
): Promise<Tried> {
  const parts = availableParallelism();
  const untilMs = performance.timeOrigin + performance.now() + minutes * 60_000;
  const threads = Array.from({ length: parts }, (_, part) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { seed, part, parts, untilMs, writes },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const { promise, resolve, reject } = Promise.withResolvers<Tried>();
    worker.once('message', resolve).once('error', reject);
    return { worker, promise };
  });
  try {
    const all = await Promise.all(threads.map(({ promise }) => promise));
    return all.reduce((sum, one) => ({
      sequences: sum.sequences + one.sequences,
      trials: sum.trials + one.trials,
      left: sum.left + one.left,
    }));
  } finally {
    for (const { worker } of threads) await worker.terminate();
  }
}

if (!isMainThread && parentPort !== null) parentPort.postMessage(await tryPart(workerData as Part));
