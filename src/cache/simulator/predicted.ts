import type { EvictionPolicy } from '../eviction/policy.ts';
import { Predictor } from '../prediction/predictor.ts';
import type { Trace } from '../traces/trace.ts';

/** The store behind the simulated cache, which decides whether a predicted block comes in time. */
const [LATENCY_MS, BYTES_PER_MS] = [5, 100_000] as const;
/** What a program takes for a block at least. */
const THINK_MS = 0.2;

export interface PredictedOutcome {
  readonly accesses: number;
  /** Accesses whose block was there, or on its way because it was predicted. */
  readonly hits: number;
  /** Hits whose block was still on its way. */
  readonly lateHits: number;
  /** Bytes fetched, because they were asked for or predicted. */
  readonly fetchedBytes: number;
  readonly predictedBytes: number;
  /** Predicted, and not used before they left the cache or the trace ended. */
  readonly unusedBytes: number;
}

/** Sends a trace through an empty cache that fetches what it predicts, before a store that is 5 ms and 100 MB/s away. */
export function simulatePredicted(
  trace: Trace,
  policy: EvictionPolicy<number>,
  capacityBytes: number,
): PredictedOutcome {
  const arrivals = new Float64Array(trace.sizes.length);
  const resident = new Uint8Array(trace.sizes.length);
  const predictor = new Predictor(capacityBytes, (key) => resident[key] === 1);
  let [nowMs, lineMs, hits, lateHits, demandBytes] = [0, 0, 0, 0, 0];
  const admit = (key: number) => {
    const evicted = policy.admit(key, trace.sizes[key]!);
    if (evicted === null) return predictor.left(key);
    resident[key] = 1;
    lineMs = Math.max(lineMs, nowMs) + trace.sizes[key]! / BYTES_PER_MS;
    arrivals[key] = lineMs + LATENCY_MS;
    for (const gone of evicted) {
      resident[gone] = 0;
      predictor.left(gone);
    }
  };
  for (const [at, key] of trace.keys.entries()) {
    nowMs = Math.max(nowMs + THINK_MS, trace.atMs[at]!);
    if (predictor.isAwaited(key)) policy.unpin(key);
    const wasHit = policy.touch(key);
    const sizeBytes = trace.sizes[key]!;
    const keys = predictor.onAccess({ key, sizeBytes, stream: trace.streams[at]!, wasHit });
    if (wasHit) {
      hits += 1;
      if (arrivals[key]! > nowMs) lateHits += 1;
    } else {
      demandBytes += sizeBytes;
      admit(key);
    }
    for (const next of keys) {
      admit(next);
      if (resident[next] === 1) policy.pin(next);
    }
    for (const gone of predictor.takeExpired()) {
      policy.drop(gone);
      resident[gone] = 0;
    }
    nowMs = Math.max(nowMs, arrivals[key]!);
  }
  const { fetchedBytes: predictedBytes, usedBytes } = predictor.figures;
  const unusedBytes = predictedBytes - usedBytes;
  return {
    accesses: trace.keys.length,
    hits,
    lateHits,
    fetchedBytes: demandBytes + predictedBytes,
    predictedBytes,
    unusedBytes,
  };
}

/** What prediction adds to the share of hits, and what it costs, over several simulations. */
export interface Gain {
  /** Mean of the hit rates with prediction. */
  readonly hitRate: number;
  /** Part of all accesses whose block was predicted and still on its way. */
  readonly lateRate: number;
  /** Part of the predicted bytes that were used; 1 where nothing was predicted. */
  readonly precision: number;
  /** Part of all fetched bytes that were predicted and not used. */
  readonly waste: number;
}

export function gainOf(outcomes: readonly PredictedOutcome[]): Gain {
  const sum = (value: (one: PredictedOutcome) => number) =>
    outcomes.reduce((all, one) => all + value(one), 0);
  const predictedBytes = sum((one) => one.predictedBytes);
  const unusedBytes = sum((one) => one.unusedBytes);
  return {
    hitRate: sum((one) => one.hits / one.accesses) / outcomes.length,
    lateRate: sum((one) => one.lateHits / one.accesses) / outcomes.length,
    precision: predictedBytes === 0 ? 1 : 1 - unusedBytes / predictedBytes,
    waste:
      unusedBytes /
      Math.max(
        1,
        sum((one) => one.fetchedBytes),
      ),
  };
}
