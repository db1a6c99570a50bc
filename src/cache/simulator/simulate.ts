import type { EvictionPolicy } from '../eviction/policy.ts';
import { footprintBytes, type Trace } from '../traces/trace.ts';
import { POLICIES } from './policies.ts';

export interface Outcome {
  readonly accesses: number;
  readonly hits: number;
}

/** Sends a trace through an empty cache: what is not there comes, and is there from then on. */
export function simulate(trace: Trace, policy: EvictionPolicy<number>): Outcome {
  let hits = 0;
  for (const key of trace.keys) {
    if (policy.touch(key)) hits += 1;
    else policy.admit(key, trace.sizes[key]!);
  }
  return { accesses: trace.keys.length, hits };
}

/** One trace in a cache of one size: the share of accesses that are hits, by policy. */
export interface Cell {
  readonly trace: string;
  /** Part of the trace's footprint that the cache holds. */
  readonly size: number;
  readonly capacityBytes: number;
  readonly hitRates: Readonly<Record<string, number>>;
}

/** @param sizes parts of the footprint (all blocks that the trace touches), > 0 */
export function* compare(trace: Trace, sizes: readonly number[]): Generator<Cell> {
  const footprint = footprintBytes(trace);
  for (const size of sizes) {
    const capacityBytes = Math.ceil(footprint * size);
    const hitRates: Record<string, number> = {};
    for (const [name, make] of Object.entries(POLICIES)) {
      const { hits, accesses } = simulate(trace, make(capacityBytes, trace));
      hitRates[name] = hits / accesses;
    }
    yield { trace: trace.name, size, capacityBytes, hitRates };
  }
}

/** The mean of each policy's hit rates, each cell counting once. */
export function meanOf(cells: readonly Cell[]): Record<string, number> {
  const means: Record<string, number> = {};
  for (const { hitRates } of cells)
    for (const [name, rate] of Object.entries(hitRates))
      means[name] = (means[name] ?? 0) + rate / cells.length;
  return means;
}
