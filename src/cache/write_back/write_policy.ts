import { LIMITS } from '../../base/limits.ts';

/**
 * What becomes of changes. `write-back`: they wait in the journal. `split`: so do names and small files, large ones are written
 * where they belong at once. `write-through` and `around`: everything goes there at once; nothing of it is kept here. `read-only`:
 * they are refused.
 */
export const WRITE_POLICIES = ['write-back', 'split', 'write-through', 'around', 'read-only'] as const;
export type WritePolicy = (typeof WRITE_POLICIES)[number];

/** When what waits is sent on, and what waits at all. What is left out is as usual. */
export interface FlushPolicy {
  /** Most that may wait; who writes more waits. */
  readonly dirtyMaxBytes: number;
  /** Longest that anything waits, where the far tree takes it. */
  readonly ageMs: number;
  /** Shortest time from one time at which what is due is sent on to the next; 0 (usual): none. */
  readonly intervalMs?: number;
  /** Changes that are sent on before it is noted that they were, 1 to LIMITS.writeBackWaveMax (usual). */
  readonly batch?: number;
  /** Parts of what may wait, 0 to 1: sending on begins at `start` (usually 0.5) whatever its age, and ends below `stop` (0.45). */
  readonly startShare?: number;
  readonly stopShare?: number;
  /** Usually `write-back`. */
  readonly writes?: WritePolicy;
  /** With `split`: a file that is to have so many bytes or more is large. */
  readonly splitBytes?: number;
  /** A file that is written in order for longer than so many bytes passes the journal by; 0 (usual): none does. */
  readonly cutoffBytes?: number;
}

export type WholeFlushPolicy = Required<FlushPolicy>;

const START_SHARE = 0.5;
const STOP_SHARE = 0.45;

export function wholePolicy(policy: FlushPolicy): WholeFlushPolicy {
  return {
    intervalMs: 0,
    batch: LIMITS.writeBackWaveMax.value,
    startShare: START_SHARE,
    stopShare: STOP_SHARE,
    writes: 'write-back',
    splitBytes: LIMITS.writeBackSplitBytes.value,
    cutoffBytes: 0,
    ...policy,
  };
}

/** Whether names and attributes are changed where they belong at once. */
export function isThrough({ writes }: Pick<WholeFlushPolicy, 'writes'>): boolean {
  return writes === 'write-through' || writes === 'around';
}

/** A write as a policy looks at it. */
export interface Passing {
  /** The size of the file after it. */
  readonly sizeBytes: number;
  /** How much was written in order by whoever writes, with this one. */
  readonly runBytes: number;
  /** Names of the file: what waits under one of several would not show under the others. */
  readonly linkCount: number;
}

/** Whether a write goes past the journal. */
export function passesBy(policy: WholeFlushPolicy, { sizeBytes, runBytes, linkCount }: Passing): boolean {
  if (isThrough(policy) || linkCount > 1) return true;
  if (policy.cutoffBytes > 0 && runBytes > policy.cutoffBytes) return true;
  return policy.writes === 'split' && sizeBytes >= policy.splitBytes;
}
