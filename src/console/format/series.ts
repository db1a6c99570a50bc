/** Lines over the same points in time. */
export interface Series {
  /** ms since 1970 UTC, rising. */
  readonly times: readonly number[];
  readonly lines: readonly (readonly number[])[];
}

/** One more point, of which the oldest beyond `max` are dropped. */
export function appendSample(
  { times, lines }: Series,
  atMs: number,
  values: readonly number[],
  max: number,
): Series {
  const keep = <T>(list: readonly T[], next: T): T[] => [...list, next].slice(-max);
  return {
    times: keep(times, atMs),
    lines: values.map((value, index) => keep(lines[index] ?? [], value)),
  };
}

type Totals = ReadonlyMap<string, readonly [sent: number, received: number]>;

/** Bytes per second between two readings of counters; a counter that fell has begun anew and counts as 0. */
export function speedBetween(before: Totals, after: Totals, durationMs: number): [number, number] {
  const sums: [number, number] = [0, 0];
  for (const [name, counts] of after) {
    const old = before.get(name) ?? counts;
    sums[0] += Math.max(0, counts[0] - old[0]);
    sums[1] += Math.max(0, counts[1] - old[1]);
  }
  return [(sums[0] / durationMs) * 1_000, (sums[1] / durationMs) * 1_000];
}
