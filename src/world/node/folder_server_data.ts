import { parentPort, workerData } from 'node:worker_threads';
import type { FolderServerOptions, LeaseOrder, LeaseTold, PipeEnd, ToldDeed } from '../mounts.ts';

/** Where whole requests lie, and whole answers: one or more in a slot. */
export interface FrameSlots {
  readonly memory: SharedArrayBuffer;
  readonly requestsAt: number;
  readonly requestStates: SharedArrayBuffer;
  readonly answersAt: number;
  readonly answerStates: SharedArrayBuffer;
  readonly slotBytes: number;
}

export type FolderThreadMessage =
  | { readonly ready: FrameSlots }
  | { readonly refused: { readonly code: string; readonly message: string } }
  /** Answers lie there. */
  | { readonly answers: number; readonly sizeBytes: number }
  /** The requests of a slot were served, and it is free. */
  | { readonly served: number }
  /** To be sent like answers, in order with them. */
  | { readonly word: Uint8Array }
  | { readonly deed: ToldDeed }
  | { readonly lease: LeaseTold };

/**
 * Requests lie in a slot; something is said of leases; a new stream begins; a connection beside it is to be served; or there will
 * be no more.
 */
export type FrameOrder =
  | { readonly slot: number; readonly sizeBytes: number }
  | { readonly lease: LeaseOrder }
  | { readonly begin: true }
  | { readonly pipe: PipeEnd }
  | { readonly end: true };

/** In the thread that serves a folder: what it was started with, and how it hears and tells. */
export function folderThread(): {
  readonly options: FolderServerOptions;
  readonly tell: (message: FolderThreadMessage) => void;
  readonly onOrder: (serve: (order: FrameOrder) => void) => void;
} {
  return {
    options: workerData as FolderServerOptions,
    tell: (message) => parentPort?.postMessage(message),
    onOrder: (serve) => void parentPort?.on('message', serve),
  };
}

/** Lets the thread end. */
export function leaveFolderThread(): void {
  parentPort?.close();
}
