import { toHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { CborMap } from './cbor.ts';
import { bytes, mapList, oneOf, uint } from './fields.ts';
import { MOUNT_ID_BYTES } from './mount_messages.ts';

const STATES = ['on', 'full', 'read-only', 'gone', 'slow', 'failing'] as const;

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
  readonly bytesFromCache: number;
  readonly bytesFetched: number;
  readonly passed: number;
}

/** The answer to `caches`, by the ids of the mounts in hex. CW_WIRE_*. */
export function toldCaches(answer: CborMap): ReadonlyMap<string, CacheFigures> {
  return new Map(mapList(answer, 'caches', LIMITS.mountsMax.value, figuresOf));
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
    bytesFromCache: uint(map, 'bytesFromCache'),
    bytesFetched: uint(map, 'bytesFetched'),
    passed: uint(map, 'passed'),
  };
  return [toHex(bytes(map, 'id', MOUNT_ID_BYTES)), figures];
}
