import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attempt, type Ran, type Trial } from './write_back_scenario.ts';
import { STEPS, sequences, statesOf } from './write_back_steps.ts';

interface Part {
  readonly seed: number;
  readonly part: number;
  readonly parts: number;
  readonly untilMs: number;
}

export interface Tried {
  readonly sequences: number;
  readonly trials: number;
  readonly left: number;
}

const LONGEST = 3;

/**
 * Fails at each operation of the last step and of what follows it. What comes before is the same as in the sequence without
 * that step, where it was tried: the seed goes by the first step alone.
 */
async function tryOne(steps: Trial['steps'], seed: number): Promise<number> {
  const states = await statesOf(steps);
  if (states === null) return 0;
  let trials = 0;
  for (const far of ['memory', 'disk'] as const) {
    const base = { steps, states, seed: seed + STEPS.indexOf(steps[0]!), far };
    const { operations, beforeLast }: Ran = await attempt({ ...base, how: 'kill', crashAt: Infinity });
    const first = steps.length === 1 ? 1 : Math.max(1, beforeLast);
    for (const how of ['kill', 'power'] as const)
      for (let crashAt = first; crashAt <= operations; crashAt += 1) {
        await attempt({ ...base, how, crashAt });
        trials += 1;
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

const allNeeded = (): Trial['steps'][] =>
  Array.from({ length: LONGEST }, (_, index) => sequences(index + 1))
    .flat()
    .filter(isNeeded);

async function tryPart({ seed, part, parts, untilMs }: Part): Promise<Tried> {
  const own = allNeeded().filter((_, index) => index % parts === part);
  let [done, trials] = [0, 0];
  for (const steps of own) {
    if (performance.timeOrigin + performance.now() > untilMs) break;
    trials += await tryOne(steps, seed);
    done += 1;
  }
  return { sequences: done, trials, left: own.length - done };
}

/** All sequences, shorter ones first, in as many threads as there are processors; stops after that time. */
export async function tryAllInThreads(seed: number, minutes: number): Promise<Tried> {
  const parts = availableParallelism();
  const untilMs = performance.timeOrigin + performance.now() + minutes * 60_000;
  const threads = Array.from({ length: parts }, (_, part) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed, part, parts, untilMs } });
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
