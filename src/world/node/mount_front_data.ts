import { parentPort, workerData } from 'node:worker_threads';
import type { FrontCache, FrontOrder, FrontWord, Owner } from '../mounts.ts';

/** What the thread that answers the kernel of a mount is started with. */
export interface FrontThreadData {
  readonly fuseFd: number;
  readonly stopFd: number;
  readonly mountpoint: string;
  readonly owner: Owner;
  readonly hasAcls: boolean;
  readonly readOnly: boolean;
  readonly cache: FrontCache | null;
}

/** What it asks of the thread that has mounted. */
export type FrontWish =
  | FrontWord
  /** The kernel is to be told something; with a number, that it knows is to be said. */
  | { readonly kind: 'notify'; readonly bytes: Uint8Array; readonly notice: number | null }
  | { readonly kind: 'readAhead'; readonly sizeBytes: number }
  | { readonly kind: 'unmount' };

/** In that thread: what it was started with, and how it hears and tells. */
export function frontThread(): {
  readonly data: FrontThreadData;
  readonly tell: (wish: FrontWish) => void;
  readonly onOrder: (hear: (order: FrontOrder) => void) => void;
} {
  return {
    data: workerData as FrontThreadData,
    tell: (wish) => parentPort?.postMessage(wish),
    onOrder: (hear) => void parentPort?.on('message', hear),
  };
}

/** Lets the thread end. */
export function leaveFrontThread(): void {
  parentPort?.close();
}
