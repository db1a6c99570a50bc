import type { StageFigure } from '../wire/copy_types.ts';
import type { Stage } from '../wire/stages.ts';
import type { Side } from './stall.ts';

/** A stage of one side that decides how fast the copy is. */
export interface LimitingStage {
  readonly stage: Stage;
  readonly side: Side;
  /** Its share of the time looked at, 0 to 1. */
  readonly share: number;
}

/** Waiting is not work: these stages are busy because another one is slow. */
const WAITS: readonly Stage[] = ['link', 'receive'];

/** A stage that works for less than this share of the time limits nothing. */
const IDLE_SHARE = 0.1;

/** The stage that was busy for most of the time between two readings; the link where both ends mostly waited. */
export function limitingStage(
  before: Readonly<Partial<Record<Side, readonly StageFigure[]>>>,
  now: Readonly<Partial<Record<Side, readonly StageFigure[]>>>,
  elapsedMs: number,
): LimitingStage | null {
  if (elapsedMs <= 0) return null;
  let best: LimitingStage | null = null;
  let linkShare = 0;
  let linkSide: Side = now.source ? 'source' : 'host';
  let receiveShare = 0;
  for (const side of ['host', 'source', 'guest'] as const) {
    for (const figure of now[side] ?? []) {
      const earlier = before[side]?.find((candidate) => candidate.stage === figure.stage)?.busyMs ?? 0;
      const share = Math.min(1, Math.max(0, figure.busyMs - earlier) / elapsedMs);
      if (figure.stage === 'link' && share > linkShare) {
        linkShare = share;
        linkSide = side;
      }
      if (figure.stage === 'receive') receiveShare = Math.max(receiveShare, share);
      if (WAITS.includes(figure.stage)) continue;
      if (best === null || share > best.share) best = { stage: figure.stage, side, share };
    }
  }
  if (linkShare > 0.5 && (best === null || best.share < 0.5))
    return { stage: 'link', side: linkSide, share: linkShare };
  // All work is done and given to the link, which still holds it.
  if (receiveShare > 0.5 && (best === null || best.share < IDLE_SHARE))
    return { stage: 'link', side: linkSide, share: receiveShare };
  return best;
}
