import type { Stage } from '../../wire/stages.ts';
import { type Evidence, isFresh, type Side } from './evidence.ts';

/** A stage of one side that decides how fast the copy is. */
export interface Limiting {
  readonly stage: Stage;
  readonly side: Side;
  /** Its share of the time looked at, 0 to 1. */
  readonly share: number;
}

/** Waiting is not work: these stages are busy because another one is slow. */
const WAITS: readonly Stage[] = ['link', 'receive'];
/** A stage that works for less than this share of the time limits nothing. */
const IDLE_SHARE = 0.1;
/** From here on a stage that works is what the others wait for. */
export const MOSTLY = 0.5;

/**
 * The stage that was busy for most of the time; the link where both ends mostly waited for it. A side that tells
 * nothing may be what the others wait for: as long as one is silent, the link is not blamed for its silence.
 */
export function limiting({ source, sink }: Pick<Evidence, 'source' | 'sink'>): Limiting | null {
  let best: Limiting | null = null;
  for (const now of [source, sink]) {
    if (!isFresh(now)) continue;
    for (const [stage, { busy }] of Object.entries(now.stages))
      if (!WAITS.includes(stage as Stage) && busy > (best?.share ?? 0))
        best = { stage: stage as Stage, side: now.side, share: busy };
  }
  const bestShare = best?.share ?? 0;
  const link = waitingForLink({ source, sink }, bestShare);
  if (link !== null) return { stage: 'link', side: source.side, share: link };
  return best !== null && bestShare >= IDLE_SHARE ? best : null;
}

/** The share of the time that was spent waiting for the link, where that is what decides; else null. */
function waitingForLink(
  { source, sink }: Pick<Evidence, 'source' | 'sink'>,
  workShare: number,
): number | null {
  const linkShare = isFresh(source) ? (source.stages.link?.busy ?? 0) : 0;
  if (linkShare > MOSTLY && workShare < MOSTLY && isFresh(sink)) return linkShare;
  // all work is done and given to the link, which still holds it
  const receiveShare = sink.stages.receive?.busy ?? 0;
  return receiveShare > MOSTLY && workShare < IDLE_SHARE && isFresh(source) && isFresh(sink)
    ? receiveShare
    : null;
}
