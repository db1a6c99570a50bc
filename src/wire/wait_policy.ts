import { LIMITS } from '../base/limits.ts';
import type { CborMap } from './cbor.ts';
import { oneOf, uint } from './fields.ts';

const WRITES = ['write-back', 'split', 'write-through', 'around', 'read-only'] as const;
const PERCENT = 100;

/** What a mount with a journal does with changes, and when it sends them on. */
export interface WaitPolicy {
  readonly writes: (typeof WRITES)[number];
  readonly dirtyMaxBytes: number;
  readonly ageMs: number;
  readonly intervalMs: number;
  readonly batch: number;
  readonly startPercent: number;
  readonly stopPercent: number;
  readonly splitBytes: number;
  readonly cutoffBytes: number;
}

export function encodeWaitPolicy(policy: WaitPolicy): CborMap {
  return { ...policy };
}

/** CW_WIRE_*. */
export function decodeWaitPolicy(map: CborMap): WaitPolicy {
  const { writeBackAgeMaxMs, writeBackWaveMax } = LIMITS;
  return {
    writes: oneOf(map, 'writes', WRITES),
    dirtyMaxBytes: uint(map, 'dirtyMaxBytes'),
    ageMs: uint(map, 'ageMs', writeBackAgeMaxMs.value),
    intervalMs: uint(map, 'intervalMs', writeBackAgeMaxMs.value),
    batch: Math.max(1, uint(map, 'batch', writeBackWaveMax.value)),
    startPercent: uint(map, 'startPercent', PERCENT),
    stopPercent: uint(map, 'stopPercent', PERCENT),
    splitBytes: uint(map, 'splitBytes'),
    cutoffBytes: uint(map, 'cutoffBytes'),
  };
}
