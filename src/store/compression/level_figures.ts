/** Levels of zstd that a copy uses; 0 is none. Those between gain little for what they cost. */
export const LEVELS = [0, 1, 3, 6, 9] as const;
export type CompressionLevel = (typeof LEVELS)[number];

/** What was measured while one level was in use; null where nothing was, or too long ago. */
export interface LevelFigures {
  /** Payload that one lane compresses in a millisecond of work. */
  readonly bytesPerMs: number | null;
  /** Payload ÷ bytes on the wire. */
  readonly ratio: number | null;
  /** Intervals since then. */
  readonly age: number;
}

/**
 * What to expect of a level before it was tried: the payload of one lane, and what it saves beyond level 1, seen with chunks
 * of 1 MiB of text and code. Only their proportions matter once any level was measured.
 */
const EXPECTED: readonly { readonly bytesPerMs: number; readonly gain: number }[] = [
  { bytesPerMs: Number.POSITIVE_INFINITY, gain: 0 },
  { bytesPerMs: 380_000, gain: 1 },
  { bytesPerMs: 220_000, gain: 1.14 },
  { bytesPerMs: 90_000, gain: 1.31 },
  { bytesPerMs: 55_000, gain: 1.34 },
];

/** Ratio of level 1 where no sample was taken. */
const RATIO_UNKNOWN = 2;

/** Figures of a level, measured or expected. */
export interface ExpectedFigures {
  readonly bytesPerMs: number;
  readonly ratio: number;
}

/** Figures of every level: what was measured, and for the others what the measured ones and the samples let expect. */
export function expectedFigures(
  figures: readonly LevelFigures[],
  sampledRatio: number | null,
): ExpectedFigures[] {
  const scales: number[] = [];
  const gains: number[] = [];
  for (const [at, { bytesPerMs, ratio }] of figures.entries()) {
    const expected = EXPECTED[at]!;
    if (at === 0) continue;
    if (bytesPerMs !== null) scales.push(bytesPerMs / expected.bytesPerMs);
    if (ratio !== null) gains.push((ratio - 1) / expected.gain);
  }
  const scale = mean(scales) ?? 1;
  const gain = mean(gains) ?? (sampledRatio ?? RATIO_UNKNOWN) - 1;
  return figures.map(({ bytesPerMs, ratio }, at) => ({
    bytesPerMs: bytesPerMs ?? EXPECTED[at]!.bytesPerMs * scale,
    ratio: ratio ?? 1 + gain * EXPECTED[at]!.gain,
  }));
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
