import type { MessagePort } from 'node:worker_threads';
import { LANE_LIMITS } from '../../../base/lane_limits.ts';
import type { PipeSetup } from './lane_pipe.ts';

/** What a thread serves until it is told to close it. */
export type LaneThreadData =
  | { readonly direction: 'send'; readonly setup: PipeSetup }
  | { readonly direction: 'receive'; readonly setup: PipeSetup; readonly slots: SlotMemory };

/** Where messages land. `states`: one number for each slot, 0 while it is free, then what {@link SLOT_SIGNAL} and {@link SLOT_STOP} are the places of. */
export interface SlotMemory {
  readonly bytes: SharedArrayBuffer;
  readonly slotBytes: number;
  readonly states: SharedArrayBuffer;
}

/** Messages that one order or word tells of at most: each costs the wake of a thread. */
export const BATCH_MESSAGES = LANE_LIMITS.chunkRunMax.value;
/** Some are worked off while the next ones come. */
export const SLOTS = 2 * BATCH_MESSAGES;
/** Rises with each slot that is given back; the thread waits for that. */
export const SLOT_SIGNAL = SLOTS;
/** 1 once the thread shall end. */
export const SLOT_STOP = SLOTS + 1;

/**
 * Bytes that stay where they are until the message was acknowledged, or the thread has said that it is over: an address
 * in place of an object, which the thread would keep alive until its next garbage collection, for hours.
 */
export interface LentMemory {
  readonly at: bigint;
  readonly sizeBytes: number;
}

export interface OrderedMessage {
  readonly head: Uint8Array;
  readonly data: readonly LentMemory[];
}

/** A message that has come whole. */
export interface ArrivedMessage {
  readonly slot: number;
  readonly sizeBytes: number;
}

/** To the thread: one `start`, in the end one `close`, then perhaps the next `start`. `close` is the answer to `over`: until then the descriptor is open, so that its number stays its own. */
export type LaneOrder =
  | { readonly kind: 'start'; readonly data: LaneThreadData }
  | { readonly kind: 'send'; readonly messages: readonly OrderedMessage[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'close' };

/** From the thread. */
export type LaneWord =
  | { readonly kind: 'ready' }
  | { readonly kind: 'messages'; readonly messages: readonly ArrivedMessage[] }
  | { readonly kind: 'ended' }
  /** Nothing more comes. `failure` is null after an end in peace. */
  | { readonly kind: 'over'; readonly failure: { readonly code: string; readonly message: string } | null }
  /** Closed, and ready for another one. */
  | { readonly kind: 'idle' };

export type LanePort = Pick<MessagePort, 'postMessage' | 'on'>;
