import type { StageFigure } from '../wire/copy_types.ts';
import { STAGES } from '../wire/stages.ts';

/** The figures of all attempts of a copy: what an operation does now is said by the current one alone. */
export function summedStages(
  earlier: readonly StageFigure[],
  current: readonly StageFigure[],
): readonly StageFigure[] {
  if (earlier.length === 0) return current;
  const sums: StageFigure[] = [];
  for (const stage of STAGES) {
    const before = earlier.find((figure) => figure.stage === stage);
    const now = current.find((figure) => figure.stage === stage);
    if (!before && !now) continue;
    const sum = (of: 'bytes' | 'busyMs' | 'starvedMs' | 'blockedMs') =>
      (before?.[of] ?? 0) + (now?.[of] ?? 0);
    sums.push({
      stage,
      bytes: sum('bytes'),
      busyMs: sum('busyMs'),
      activeMs: now?.activeMs ?? 0,
      starvedMs: sum('starvedMs'),
      blockedMs: sum('blockedMs'),
    });
  }
  return sums;
}
