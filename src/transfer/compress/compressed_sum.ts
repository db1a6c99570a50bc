import type { CompressedFigures } from '../../wire/copy_types.ts';

/** Figures of two attempts of a copy; null where neither compressed. */
export function addCompressed(
  a: CompressedFigures | null,
  b: CompressedFigures | null,
): CompressedFigures | null {
  if (a === null || b === null) return a ?? b;
  return {
    level: Math.max(a.level, b.level),
    beforeBytes: a.beforeBytes + b.beforeBytes,
    afterBytes: a.afterBytes + b.afterBytes,
    skippedBytes: a.skippedBytes + b.skippedBytes,
  };
}
