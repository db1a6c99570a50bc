/** Arithmetic of a benchmark: medians, ratios inside a round, rotation of the order. Pure. */

/** The middle value, or the mean of the two middle values. @throws RangeError on an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** Smallest and largest value. @throws RangeError on an empty list. */
export function range(values: readonly number[]): [number, number] {
  if (values.length === 0) throw new RangeError('range of no values');
  return [Math.min(...values), Math.max(...values)];
}

/** The successful values of a series. */
export function valid(series: Series): number[] {
  return series.filter((value) => value !== null);
}

/** Seconds by round; `null` where the round has no valid run. */
export type Series = readonly (number | null)[];

/**
 * How many times as fast `subject` is as the fastest of `others`, one ratio per round.
 * Both sides of a ratio come from the same round, because the machine's speed changes between rounds.
 * A round in which the subject or any of the others has no run gives no ratio.
 */
export function speedRatios(subject: Series, others: readonly Series[]): number[] {
  if (others.length === 0) return [];
  return subject.flatMap((seconds, round) => {
    const rivals = others.map((series) => series[round] ?? null);
    if (seconds === null || rivals.includes(null)) return [];
    return [Math.min(...(rivals as number[])) / seconds];
  });
}

/** The list started `by` places later, so that no peer always runs first or after the same neighbour. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  if (list.length === 0) return [];
  const start = ((by % list.length) + list.length) % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
