import { formatBytes, formatDuration, formatRate } from '../../base/units.ts';
import { STAGE_LABELS, type Stage } from '../../wire/stages.ts';
import type { CauseId } from './causes.ts';
import {
  type Evidence,
  isFresh,
  isHeard,
  PEER_FRESH_MS,
  quietest,
  type SideNow,
  sideNamed,
} from './evidence.ts';
import {
  linkFigures,
  linkRate,
  percentText,
  quietFigures,
  resentShare,
  spaceFigures,
  stageFigures,
} from './figures.ts';
import { type Limiting, MOSTLY } from './limiting.ts';

/** Where it is, and the figures that its text needs. */
export interface Finding {
  readonly at: Limiting;
  readonly figures: Readonly<Record<string, string>>;
}

/** `down`: there is no link; `still`: nothing moves although there is one; `slow`: something moves. */
export type Condition = 'down' | 'still' | 'slow';

/** One cause and what has to hold for it; of the rules of a condition the first that finds something answers. */
export interface Rule {
  readonly id: CauseId;
  readonly in: readonly Condition[];
  /** `at` is the stage that limits; null where none does. */
  find(e: Evidence, at: Limiting | null): Finding | null;
}

const MEMORY_SHARE = 0.2;
/** Two figures that should be the same may differ by this much: they are measured, and not at the same moment. */
const ABOUT = 0.4;
const CPU_WAIT_SHARE = 0.3;
/** Less of the wanted processor time than this means that others have it. */
const GOT_SHARE = 0.7;
const FULL_THREAD_SHARE = 0.8;
/** So much of a thread in one kind of work leaves nothing for any other. */
const ALL_SHARE = 0.9;
/** Of the time that a stage is busy, or that a copy lacks: from here on it rather waits for a processor than for anything else. */
const QUEUED_SHARE = 0.5;
const DISK_STAGES: readonly Stage[] = [
  'sourceRead',
  'destinationRead',
  'destinationWrite',
  'verify',
  'publish',
];
const LOSS_SHARE = 0.01;
/** The receiver held the sender back for at least this share of the time: what is sent again are probes of it, or what it had no room for. */
const HELD_BACK_SHARE = 0.3;
/** Fewer segments a second that are sent again are probes of a receiver that waits, not loss. */
const LOSS_PER_SECOND = 1;
/** A shorter round trip makes any usual window wide enough. */
const LONG_TRIP_US = 2_000;
const SMALL_WINDOW_BYTES = 1_024;
/** An operation hangs when it has lasted for most of the silence. */
const HANGING_SHARE = 0.6;

/** What hangs in a stage of the destination, in the order in which stages hold each other up. */
const OPERATIONS: readonly { readonly stage: Stage; readonly operation: string }[] = [
  { stage: 'destinationFlush', operation: 'a flush of the destination' },
  { stage: 'destinationWrite', operation: 'a write at the destination' },
  { stage: 'destinationRead', operation: 'a read of what the destination has' },
  { stage: 'verify', operation: 'a look at what is there, or reading back what was written,' },
  { stage: 'publish', operation: 'making, renaming or flushing a name at the destination' },
];

const REACHED: Readonly<Record<string, string>> = {
  nothing: 'nothing of the machine answers',
  cut: 'a new connection is cut at once',
};

function linkAt(e: Evidence): Limiting {
  return { stage: 'link', side: e.localSide, share: 1 };
}

function down(e: Evidence, figures: Readonly<Record<string, string>> = {}): Finding {
  return { at: linkAt(e), figures: { ...quietFigures(e), ...figures } };
}

/** The stage that limits, where it is this one. */
function limitedBy(stage: Stage, more: (e: Evidence, at: Limiting) => Record<string, string> = () => ({})) {
  return (e: Evidence, at: Limiting | null): Finding | null =>
    at?.stage === stage ? { at, figures: { ...stageFigures(e, at), ...more(e, at) } } : null;
}

/**
 * Hashing is told when an operation of the stage around it ends: until then it looks like reading or writing. Where nothing
 * has ended for this long, it is the disk.
 */
const TOLD_AFTER_MS = 5_000;

function isTold(e: Evidence, { stage, side }: Limiting): boolean {
  const { stages, lengthMs } = sideNamed(e, side);
  return (stages[stage]?.bytesPerSecond ?? 0) > 0 || lengthMs >= TOLD_AFTER_MS;
}

/** As {@link limitedBy}, for a stage that hashing is part of. */
function limitedAround(stage: Stage) {
  const find = limitedBy(stage);
  return (e: Evidence, at: Limiting | null): Finding | null =>
    at !== null && isTold(e, at) ? find(e, at) : null;
}

function freshSides({ source, sink }: Evidence): SideNow[] {
  return [source, sink].filter(isFresh);
}

function memoryPressure(e: Evidence, at: Limiting | null): Finding | null {
  for (const now of freshSides(e)) {
    const memoryWait = now.rise.memoryWaitMs ?? 0;
    if (memoryWait < MEMORY_SHARE) continue;
    const { side } = now;
    const here = at?.side === side ? at : { stage: busiestStage(now), side, share: memoryWait };
    return { at: here, figures: { ...stageFigures(e, here), memory: percentText(memoryWait) } };
  }
  return null;
}

function busiestStage({ stages }: SideNow): Stage {
  const sorted = Object.entries(stages).sort(([, a], [, b]) => b.busy - a.busy);
  return (sorted[0]?.[0] as Stage | undefined) ?? 'link';
}

function hanging(e: Evidence, stages: readonly { stage: Stage; operation: string }[]): Finding | null {
  for (const { stage, operation } of stages) {
    for (const { side, stages: figures, last, silentMs } of [e.source, e.sink].filter(isHeard)) {
      const toldMs = figures[stage]?.activeMs ?? 0;
      const activeMs = toldMs + silentMs; // nothing has moved since it told
      if (toldMs === 0 || activeMs < e.quietMs * HANGING_SHARE) continue;
      const threads = last.stuckThreads ?? 0;
      const stuck =
        threads > 0
          ? `${threads} of the threads there ${threads === 1 ? 'waits' : 'wait'} inside the kernel (state D)`
          : 'no thread there is stuck inside the kernel';
      return {
        at: { stage, side, share: 1 },
        figures: {
          ...quietFigures(e),
          side,
          stage: STAGE_LABELS[stage],
          operation,
          active: formatDuration(activeMs),
          stuck,
          threads: String(threads),
        },
      };
    }
  }
  return null;
}

function filling(e: Evidence): Finding | null {
  const { side, last } = e.sink;
  if (
    !isFresh(e.sink) ||
    e.phase !== 'copying' ||
    last.freeBytes === undefined ||
    last.freeBytes >= e.leftBytes
  )
    return null;
  const at = { stage: 'destinationWrite', side, share: 1 } as const;
  return { at, figures: { side, ...spaceFigures(last.freeBytes, e.leftBytes) } };
}

function rateLimited(e: Evidence): Finding | null {
  const { side, rise } = e.source;
  const share = rise.limitMs ?? 0;
  if (share < 0.5) return null;
  const at = { stage: 'link', side, share } as const;
  return { at, figures: { ...stageFigures(e, at) } };
}

/** Threads that are at work for all of the time and get only a part of it from the system. */
function contended(e: Evidence, at: Limiting | null): Finding | null {
  if (at?.stage !== 'hash' && at?.stage !== 'link') return null;
  for (const { side, rise, stages } of at.stage === 'hash' ? [sideNamed(e, at.side)] : freshSides(e)) {
    const { cpuMs: got, cpuWaitMs: waited, mainThreadMs: mainThread, queuedMs: queued } = rise;
    if (got === undefined || waited === undefined || mainThread === undefined) continue;
    const wanted = mainThread + (stages.hash?.busy ?? 0);
    const busyEnough = at.stage === 'hash' || mainThread >= FULL_THREAD_SHARE;
    if (!busyEnough || waited < CPU_WAIT_SHARE || got >= wanted * GOT_SHARE) continue;
    // whoever waits for a processor there, it is not this copy
    if (queued !== undefined && queued < (wanted - got) * QUEUED_SHARE) continue;
    return {
      at: { ...at, side },
      figures: {
        ...stageFigures(e, { ...at, side }),
        cpu: percentText(waited),
        got: percentText(got),
        wanted: percentText(wanted),
      },
    };
  }
  return null;
}

/** A disk is not slow because nobody has the time to ask it. */
function queued(e: Evidence, at: Limiting | null): Finding | null {
  if (at === null || !DISK_STAGES.includes(at.stage)) return null;
  const { queuedMs, cpuWaitMs = 0 } = sideNamed(e, at.side).rise;
  if (queuedMs === undefined || cpuWaitMs < CPU_WAIT_SHARE || queuedMs < at.share * QUEUED_SHARE) return null;
  return { at, figures: { ...stageFigures(e, at), queued: percentText(queuedMs) } };
}

function encrypting(e: Evidence, at: Limiting | null): Finding | null {
  if (at === null) return null;
  const threadShare = ({ rise }: SideNow) => rise.mainThreadMs ?? 0;
  const [now] = freshSides(e).sort((a, b) => threadShare(b) - threadShare(a));
  if (now === undefined || threadShare(now) < FULL_THREAD_SHARE) return null;
  const sendMs = now.rise.sendMs ?? 0;
  const sendShare = sendMs / threadShare(now);
  // A thread that is full holds up the other stages too. Where nearly all of it is encryption, these seem busy, since
  // nobody has the time to see that they are done; else none of them is busy for most of the time.
  const isAll = sendMs >= ALL_SHARE;
  if (at.stage !== 'link' && !isAll && (at.share >= MOSTLY || sendShare < MOSTLY)) return null;
  const here: Limiting = { stage: 'link', side: now.side, share: Math.min(1, threadShare(now)) };
  const send = percentText(sendShare);
  return { at: here, figures: { ...stageFigures(e, here), send, rate: formatRate(linkRate(e)) } };
}

function losing(e: Evidence, at: Limiting | null): Finding | null {
  const lost = resentShare(e.source) ?? 0;
  const perSecond = (e.source.rise.resentSegments ?? 0) * 1_000;
  if (at === null || lost < LOSS_SHARE || perSecond < LOSS_PER_SECOND) return null;
  return (e.source.rise.peerLimitedMs ?? 0) < HELD_BACK_SHARE ? carried(e, at) : null;
}

/** The transport's window, or this link's own: what goes in a round trip is about one of them. */
function clamped(e: Evidence, at: Limiting | null): Finding | null {
  if (at?.stage !== 'link') return null;
  const { last, rise } = e.source;
  const { roundTripUs = 0, peerWindowBytes = 0, windowBytes = 0, inFlightBytes = 0 } = last;
  if (roundTripUs < LONG_TRIP_US || last.sentSegments === undefined) return null;
  const fills = (bytes: number) => linkRate(e) >= ABOUT * (bytes / (roundTripUs / 1_000_000));
  const byTransport =
    (rise.peerLimitedMs ?? 0) >= 0.5 && peerWindowBytes >= SMALL_WINDOW_BYTES && fills(peerWindowBytes);
  const byLink = inFlightBytes >= windowBytes * (1 - ABOUT) && windowBytes > 0 && fills(windowBytes);
  if (!byTransport && !byLink) return null;
  const finding = carried(e, at);
  const size = formatBytes(byTransport ? peerWindowBytes : windowBytes);
  return finding && { ...finding, figures: { ...finding.figures, size } };
}

function carried(e: Evidence, at: Limiting | null): Finding | null {
  if (at?.stage !== 'link') return null;
  return {
    at,
    figures: { ...stageFigures(e, at), ...linkFigures(e), rate: formatRate(linkRate(e)) },
  };
}

export const RULES: readonly Rule[] = [
  {
    id: 'machine-paused',
    in: ['down'],
    find: (e) => (e.link.machine === 'paused' || e.link.reached === 'port' ? down(e) : null),
  },
  { id: 'agent-down', in: ['down'], find: (e) => (e.link.reached === 'refused' ? down(e) : null) },
  { id: 'peer-stopped', in: ['down'], find: (e) => (e.link.reached === 'silent' ? down(e) : null) },
  {
    id: 'link-cut',
    in: ['down'],
    find: (e) => down(e, { reached: REACHED[e.link.reached ?? 'nothing'] ?? REACHED['nothing']! }),
  },
  { id: 'memory-pressure', in: ['still', 'slow'], find: memoryPressure },
  {
    id: 'source-frozen',
    in: ['still'],
    find: (e) => hanging(e, [{ stage: 'sourceRead', operation: 'a read of the source' }]),
  },
  { id: 'destination-frozen', in: ['still'], find: (e) => hanging(e, OPERATIONS) },
  {
    id: 'peer-silent',
    in: ['still'],
    find: (e) => (quietest(e).silentMs > PEER_FRESH_MS ? down(e) : null),
  },
  { id: 'link-stuck', in: ['still'], find: (e) => down(e) },
  { id: 'disk-filling', in: ['slow'], find: filling },
  { id: 'rate-limit', in: ['slow'], find: rateLimited },
  { id: 'cpu-contended', in: ['slow'], find: contended },
  { id: 'hash-bound', in: ['slow'], find: limitedBy('hash') },
  { id: 'compress-bound', in: ['slow'], find: limitedBy('compress') },
  { id: 'decompress-bound', in: ['slow'], find: limitedBy('decompress') },
  { id: 'encrypt-bound', in: ['slow'], find: encrypting },
  { id: 'cpu-full', in: ['slow'], find: queued },
  { id: 'source-slow', in: ['slow'], find: limitedAround('sourceRead') },
  { id: 'destination-read-slow', in: ['slow'], find: limitedBy('destinationRead') },
  { id: 'destination-slow', in: ['slow'], find: limitedAround('destinationWrite') },
  { id: 'flush-slow', in: ['slow'], find: limitedBy('destinationFlush') },
  { id: 'verify-slow', in: ['slow'], find: limitedBy('verify') },
  { id: 'publish-slow', in: ['slow'], find: limitedBy('publish') },
  { id: 'link-lossy', in: ['slow'], find: losing },
  { id: 'window-clamped', in: ['slow'], find: clamped },
  { id: 'link-slow', in: ['slow'], find: carried },
];
