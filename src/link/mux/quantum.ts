import { LIMITS } from '../../base/limits.ts';

/** Time on the wire that one frame may take: what a control message may have to wait for, twice. */
const FRAME_MS = 5;
/** Until the rate is known: little, so that a very slow carrier shows early that it moves. */
const UNKNOWN_RATE_BYTES = 16 * 1024;
const STEP_BYTES = 4 * 1024;

/** Longest payload of one frame at a measured rate (bytes per ms; null when unknown). */
export function frameQuantumBytes(bytesPerMs: number | null): number {
  if (bytesPerMs === null) return UNKNOWN_RATE_BYTES;
  const steps = Math.floor((bytesPerMs * FRAME_MS) / STEP_BYTES);
  const { frameQuantumMinBytes, frameQuantumMaxBytes } = LIMITS;
  return Math.min(Math.max(steps * STEP_BYTES, frameQuantumMinBytes.value), frameQuantumMaxBytes.value);
}
