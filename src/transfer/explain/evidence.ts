import { LIMITS } from '../../base/limits.ts';
import type { Reached } from '../../link/link.ts';
import type { CopyPhase } from '../../wire/copy_types.ts';
import type { EvidenceMember, SideEvidence } from '../../wire/evidence.ts';
import type { Stage } from '../../wire/stages.ts';

/** `source` is the machine that has the source of a copy between two machines; `guest` is then the other one. */
export type Side = 'host' | 'guest' | 'source';

/** What a stage did in the time looked at. The shares are of that time, 0 to 1. */
export interface StageNow {
  readonly busy: number;
  readonly starved: number;
  readonly blocked: number;
  readonly bytesPerSecond: number;
  /** How long its oldest unfinished operation has lasted, in ms. */
  readonly activeMs: number;
}

/** What one side did in the time looked at. */
export interface SideFigures {
  /** Length of that time, on the side's own clock. */
  readonly lengthMs: number;
  readonly stages: Readonly<Partial<Record<Stage, StageNow>>>;
  /** What each sum of the evidence rose by in a ms: of times this is a share. */
  readonly rise: Readonly<Partial<Record<EvidenceMember, number>>>;
  /** The newest values. */
  readonly last: SideEvidence;
}

/** One side in the time looked at. */
export interface SideNow extends SideFigures {
  readonly side: Side;
  /** For how long it has not told how it stands; 0 for the side that judges. */
  readonly silentMs: number;
}

export interface LinkNow {
  readonly up: boolean;
  /** For how long it has been gone; 0 while it is up. */
  readonly downMs: number;
  readonly reached: Reached | null;
  /** Why the last carrier or attempt was given up, in words. */
  readonly error: string | null;
  /** What the hypervisor says of the machine, where somebody can ask it. */
  readonly machine: 'running' | 'paused' | null;
}

/** Everything that a copy's speed, or its standing still, is judged by. */
export interface Evidence {
  readonly phase: CopyPhase;
  /** For how long no stage of either side has moved a byte, nor done anything else that counts. */
  readonly quietMs: number;
  /** The side that has the files, and the one that takes the copy. */
  readonly source: SideNow;
  readonly sink: SideNow;
  /** The side that a stall of the link is told of. */
  readonly localSide: Side;
  readonly link: LinkNow;
  /** What the destination still has to take. */
  readonly leftBytes: number;
}

/** What a side told longer ago than this says nothing of now; one that hardly gets anything through tells seldom. */
export const PEER_FRESH_MS = LIMITS.heartbeatTimeoutMs.value + LIMITS.progressSlowIntervalMs.value;

export function isHeard({ silentMs }: SideNow): boolean {
  return silentMs <= PEER_FRESH_MS;
}

/** Whether its shares say something of now. */
export function isFresh(now: SideNow): boolean {
  return isHeard(now) && now.lengthMs > 0;
}

export function sideNamed({ source, sink }: Pick<Evidence, 'source' | 'sink'>, side: Side): SideNow {
  return source.side === side ? source : sink;
}

/** The side that has told nothing for longest. */
export function quietest({ source, sink }: Pick<Evidence, 'source' | 'sink'>): SideNow {
  return source.silentMs > sink.silentMs ? source : sink;
}
