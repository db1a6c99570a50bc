import { formatBytes, formatDuration, formatRate } from '../../base/units.ts';
import { STAGE_LABELS } from '../../wire/stages.ts';
import { UNKNOWN } from './causes.ts';
import { type Evidence, quietest, type SideNow, sideNamed } from './evidence.ts';
import type { Limiting } from './limiting.ts';

export function percentText(share: number | undefined): string {
  return share === undefined ? UNKNOWN : `${Math.round(share * 100)} %`;
}

/** Figures of the stage that limits, as the texts of the causes name them. */
export function stageFigures(e: Evidence, at: Limiting): Record<string, string> {
  const now = sideNamed(e, at.side);
  return {
    side: at.side,
    stage: STAGE_LABELS[at.stage],
    busy: percentText(at.share),
    window: formatDuration(now.lengthMs),
    rate: formatRate(now.stages[at.stage]?.bytesPerSecond ?? 0),
    io: percentText(now.rise.ioWaitMs),
  };
}

export function linkFigures(e: Evidence): Record<string, string> {
  const { last, rise } = e.source;
  return {
    trip: last.roundTripUs === undefined ? UNKNOWN : `${(last.roundTripUs / 1000).toFixed(1)} ms`,
    limited: percentText(rise.peerLimitedMs),
    resent: percentText(resentShare(e.source)),
  };
}

/** Figures of what stands still. */
export function quietFigures(e: Evidence): Record<string, string> {
  return {
    quiet: formatDuration(e.quietMs),
    silent: formatDuration(quietest(e).silentMs),
    local: e.localSide,
    side: quietest(e).side,
    error: e.link.error ?? 'nothing answers',
  };
}

export function spaceFigures(freeBytes: number | undefined, leftBytes: number): Record<string, string> {
  return {
    free: freeBytes === undefined ? 'not enough' : formatBytes(freeBytes),
    left: formatBytes(leftBytes),
  };
}

/** Bytes a second that the source gives to the link. */
export function linkRate(e: Evidence): number {
  return e.source.stages.link?.bytesPerSecond ?? e.sink.stages.receive?.bytesPerSecond ?? 0;
}

/** Of the segments sent in the time looked at; undefined where the transport tells none. */
export function resentShare({ rise }: SideNow): number | undefined {
  const { sentSegments, resentSegments } = rise;
  if (sentSegments === undefined || resentSegments === undefined || sentSegments === 0) return undefined;
  return resentSegments / sentSegments;
}
