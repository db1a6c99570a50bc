import { LIMITS } from '../base/limits.ts';
import { formatDuration } from '../base/units.ts';
import type { StageFigure } from '../wire/copy_types.ts';
import { STAGE_LABELS, type Stage } from '../wire/stages.ts';

/** `source` is the machine that has the source of a copy between two machines; `guest` is then the other one. */
export type Side = 'host' | 'guest' | 'source';

/** Everything that a stall is judged by. Times in ms on the monotonic clock. */
export interface StallEvidence {
  readonly nowMs: number;
  /** When a stage of either side last moved a byte. */
  readonly lastMoveMs: number;
  readonly peerHeardMs: number;
  readonly linkUp: boolean;
  readonly linkError: string | null;
  readonly localSide: Side;
  readonly localStages: readonly StageFigure[];
  readonly remoteStages: readonly StageFigure[];
}

/** No stage has moved a byte for LIMITS.stallAfterMs, and this is where it hangs. */
export interface StallReport {
  readonly stage: Stage;
  readonly side: Side;
  readonly forMs: number;
  readonly cause: string;
  readonly fix: string;
}

/** Stages in which a device can hang, and what to do about each. */
const DEVICE_STAGES: readonly { stage: Stage; cause: string; fix: string }[] = [
  {
    stage: 'sourceRead',
    cause: 'a read of the source does not return',
    fix: 'look at the disk that holds the source (dmesg, iostat); a network share there may be gone',
  },
  {
    stage: 'destinationRead',
    cause: 'a read of what the destination has does not return',
    fix: 'look at the disk that holds the destination (dmesg, iostat)',
  },
  {
    stage: 'destinationFlush',
    cause: 'a flush of the destination does not return',
    fix: 'look at the disk that holds the destination (dmesg, iostat): it does not finish its writes',
  },
  {
    stage: 'destinationWrite',
    cause: 'a write at the destination does not return',
    fix: 'look at the disk that holds the destination (dmesg, iostat); the file system may be frozen or its writeback blocked',
  },
  {
    stage: 'verify',
    cause: 'reading back what was written does not return',
    fix: 'look at the disk that holds the destination (dmesg, iostat)',
  },
  {
    stage: 'publish',
    cause: 'renaming or flushing a folder at the destination does not return',
    fix: 'look at the disk that holds the destination (dmesg, iostat)',
  },
];

/** An operation hangs when it has lasted for most of the silence. */
const HANGING_SHARE = 0.6;

/** Snapshots of the peer older than this say nothing of now; one that hardly gets anything through tells seldom. */
const PEER_FRESH_MS = LIMITS.heartbeatTimeoutMs.value + LIMITS.progressSlowIntervalMs.value;

/** Null while something moves, however slowly. */
export function diagnoseStall(evidence: StallEvidence): StallReport | null {
  const forMs = evidence.nowMs - evidence.lastMoveMs;
  if (forMs < LIMITS.stallAfterMs.value) return null;
  return hangingDevice(evidence, forMs) ?? linkStall(evidence, forMs);
}

function hangingDevice(evidence: StallEvidence, forMs: number): StallReport | null {
  const other: Side = evidence.localSide === 'guest' ? 'host' : 'guest';
  const peerAgeMs = evidence.nowMs - evidence.peerHeardMs;
  const sides: { side: Side; stages: readonly StageFigure[] }[] = [
    { side: evidence.localSide, stages: evidence.localStages },
  ];
  if (peerAgeMs <= PEER_FRESH_MS) sides.push({ side: other, stages: evidence.remoteStages });
  for (const { stage, cause, fix } of DEVICE_STAGES) {
    for (const { side, stages } of sides) {
      const figure = stages.find((candidate) => candidate.stage === stage);
      if (!figure || figure.activeMs < forMs * HANGING_SHARE) continue;
      return {
        stage,
        side,
        forMs,
        cause: `${STAGE_LABELS[stage]} on the ${side}: ${cause} since ${formatDuration(figure.activeMs)}`,
        fix,
      };
    }
  }
  return null;
}

function linkStall(evidence: StallEvidence, forMs: number): StallReport {
  const side = evidence.localSide;
  const silentMs = evidence.nowMs - evidence.peerHeardMs;
  if (!evidence.linkUp) {
    const why = evidence.linkError === null ? '' : `: ${evidence.linkError}`;
    return {
      stage: 'link',
      side,
      forMs,
      cause: `the link is down${why}`,
      fix: 'see that the machine runs, is not paused, and its agent is up; the copy goes on by itself once the link is back',
    };
  }
  if (silentMs > PEER_FRESH_MS) {
    return {
      stage: 'link',
      side,
      forMs,
      cause: `the other side has said nothing for ${formatDuration(silentMs)}`,
      fix: 'see that the machine is not paused and its agent not stopped',
    };
  }
  return {
    stage: 'link',
    side,
    forMs,
    cause: 'bytes are given to the link and do not arrive',
    fix: 'look at the channel between the two sides: window, loss, a proxy or firewall in between',
  };
}
