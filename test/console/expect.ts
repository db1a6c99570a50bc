import { until } from '../interop/rig.ts';

const DEADLINE_MS = 30_000;

/** Waits until `probe` gives something. */
export function expect<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
  return until(what, DEADLINE_MS, probe);
}
