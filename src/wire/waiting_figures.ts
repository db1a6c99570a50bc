import { LIMITS } from '../base/limits.ts';
import type { CborMap } from './cbor.ts';
import { bytes, mapList, nullable, text, uint } from './fields.ts';
import { MOUNT_ID_BYTES } from './mount_messages.ts';

/** So many failures and conflicts of one cache are told. */
export const WAITING_TOLD_MAX = 20;

/** What was written in a mount and is not where it belongs yet. */
export interface WaitingFigures {
  readonly dirtyBytes: number;
  readonly changes: number;
  /** Null where nothing waits. */
  readonly oldestDirtyAgeMs: number | null;
  /** Null where it is not known. */
  readonly timeToCleanMs: number | null;
  readonly journalBytes: number;
  readonly failures: { readonly path: string; readonly code: string; readonly message: string }[];
  readonly conflicts: { readonly path: string; readonly keptAs: string | null; readonly message: string }[];
}

const TEXT_MAX_BYTES = 4 * LIMITS.pathMaxBytes.value;

/** What a machine answers that was asked to wait for a mount of its, or for figures. */
export function encodeWaiting(figures: WaitingFigures): CborMap {
  return {
    ...figures,
    failures: figures.failures.map((one) => ({ ...one })),
    conflicts: figures.conflicts.map((one) => ({ ...one })),
  };
}

/** CW_WIRE_*. */
export function decodeWaiting(map: CborMap): WaitingFigures {
  const told = (one: CborMap, name: string) => text(one, name, TEXT_MAX_BYTES);
  return {
    dirtyBytes: uint(map, 'dirtyBytes'),
    changes: uint(map, 'changes'),
    oldestDirtyAgeMs: nullable(map, 'oldestDirtyAgeMs', uint),
    timeToCleanMs: nullable(map, 'timeToCleanMs', uint),
    journalBytes: uint(map, 'journalBytes'),
    failures: mapList(map, 'failures', WAITING_TOLD_MAX, (one) => ({
      path: told(one, 'path'),
      code: told(one, 'code'),
      message: told(one, 'message'),
    })),
    conflicts: mapList(map, 'conflicts', WAITING_TOLD_MAX, (one) => ({
      path: told(one, 'path'),
      keptAs: nullable(one, 'keptAs', told),
      message: told(one, 'message'),
    })),
  };
}

/** The id of a mount, in a question about what waits in it. CW_WIRE_*. */
export function mountIdIn(map: CborMap): Uint8Array {
  return bytes(map, 'id', MOUNT_ID_BYTES);
}
