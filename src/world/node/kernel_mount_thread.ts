import { parentPort, workerData } from 'node:worker_threads';
import { openFuseDevice } from './fuse_device.ts';
import { Slots } from './slots.ts';

/** What the thread that reads the requests of a mount is started with. */
export interface KernelReadData {
  readonly fuseFd: number;
  readonly stopFd: number;
  readonly memory: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
  readonly slotBytes: number;
  /** Room that the kernel wants for a request. */
  readonly requestBytes: number;
}

/** So many bytes of whole requests lie in a slot. */
export interface ReadRequests {
  readonly slot: number;
  readonly sizeBytes: number;
}

/** Reads requests into slots until the mount ends: all that wait, as far as there is room, go together. */
export function readKernelRequests(): void {
  const data = workerData as KernelReadData;
  const memory = Buffer.from(data.memory);
  const slots = new Slots(data.states, 0, data.slotBytes);
  const device = openFuseDevice(data.fuseFd, data.stopFd, memory, data.requestBytes);
  for (;;) {
    const slot = slots.takeWaiting();
    const start = slots.placeOf(slot);
    let sizeBytes = device.next(start);
    if (sizeBytes === null) return;
    while (sizeBytes + data.requestBytes <= data.slotBytes) {
      const more = device.tryNext(start + sizeBytes);
      if (more === null || more === 0) break; // the next look tells of the end
      sizeBytes += more;
    }
    parentPort?.postMessage({ slot, sizeBytes } satisfies ReadRequests);
  }
}
