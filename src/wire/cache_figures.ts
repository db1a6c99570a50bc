import { toHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { CborMap } from './cbor.ts';
import { bytes, list, mapList, oneOf, uint, uintOr } from './fields.ts';
import { MOUNT_ID_BYTES } from './mount_messages.ts';

const STATES = ['on', 'full', 'read-only', 'gone', 'slow', 'failing'] as const;
const KINDS = ['sequence', 'folder', 'history', 'start'] as const;
const TIERS = ['memory', 'disk', 'link'] as const;
const BOUNDS_MAX = 32;
const KINDS_MAX = 16;

/** What a machine tells of the cache of one of its mounts; counts since it was mounted. */
export interface CacheFigures {
  readonly policy: 'write-through' | 'read-only';
  readonly state: (typeof STATES)[number];
  readonly capacityBytes: number;
  readonly residentBytes: number;
  readonly files: number;
  readonly hits: number;
  readonly misses: number;
  readonly evicted: number;
  readonly damaged: number;
  readonly bypassed: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly memoryPressurePercent: number;
  readonly bytesAsked: number;
  readonly bytesFromCache: number;
  readonly bytesFetched: number;
  readonly passed: number;
  readonly ahead: AheadSums[];
  readonly reads: TierReads[];
}

/** What was fetched before it was asked for, for one reason. */
export type AheadSums = {
  readonly kind: (typeof KINDS)[number];
  readonly fetchedBytes: number;
  readonly usedBytes: number;
  readonly wastedBytes: number;
};

/** How long reads took that were answered from one tier. */
export type TierReads = {
  readonly tier: (typeof TIERS)[number];
  readonly count: number;
  readonly sumUs: number;
  readonly upTo: number[];
};

/** The answer to `caches`, by the ids of the mounts in hex. CW_WIRE_*. */
export function toldCaches(answer: CborMap): ReadonlyMap<string, CacheFigures> {
  return new Map(mapList(answer, 'caches', LIMITS.mountsMax.value, figuresOf));
}

/** Nothing for a reason that a newer machine has, and this one does not know. */
function aheadOf(map: CborMap): AheadSums[] {
  const kind = KINDS.find((known) => known === map['kind']);
  if (kind === undefined) return [];
  const [fetchedBytes, usedBytes, wastedBytes] = [
    uint(map, 'fetchedBytes'),
    uint(map, 'usedBytes'),
    uint(map, 'wastedBytes'),
  ];
  return [{ kind, fetchedBytes, usedBytes, wastedBytes }];
}

function readsOf(map: CborMap): TierReads {
  return {
    tier: oneOf(map, 'tier', TIERS),
    count: uint(map, 'count'),
    sumUs: uint(map, 'sumUs'),
    upTo: list(map, 'upTo', BOUNDS_MAX, (item, what) => uint({ [what]: item }, what)),
  };
}

function figuresOf(map: CborMap): [string, CacheFigures] {
  const figures = {
    policy: oneOf(map, 'policy', ['write-through', 'read-only'] as const),
    state: oneOf(map, 'state', STATES),
    capacityBytes: uint(map, 'capacityBytes'),
    residentBytes: uint(map, 'residentBytes'),
    files: uint(map, 'files'),
    hits: uint(map, 'hits'),
    misses: uint(map, 'misses'),
    evicted: uint(map, 'evicted'),
    damaged: uint(map, 'damaged'),
    bypassed: uint(map, 'bypassed'),
    memoryBytes: uintOr(map, 'memoryBytes', 0),
    memoryLimitBytes: uintOr(map, 'memoryLimitBytes', 0),
    memoryPressurePercent: uintOr(map, 'memoryPressurePercent', 0),
    bytesAsked: uintOr(map, 'bytesAsked', uint(map, 'bytesFromCache') + uint(map, 'bytesFetched')),
    bytesFromCache: uint(map, 'bytesFromCache'),
    bytesFetched: uint(map, 'bytesFetched'),
    passed: uint(map, 'passed'),
    ahead: map['ahead'] === undefined ? [] : mapList(map, 'ahead', KINDS_MAX, aheadOf).flat(),
    reads: map['reads'] === undefined ? [] : mapList(map, 'reads', TIERS.length, readsOf),
  };
  return [toHex(bytes(map, 'id', MOUNT_ID_BYTES)), figures];
}
