/** Small arrays share memory of this size: an array of its own for each of a million files costs more than what is in it. */
const SLAB_BYTES = 64 * 1024;
/** A larger array gets memory of its own. */
const SHARED_MAX_BYTES = 4 * 1024;

let slab = new Uint8Array(0);
/** What of it is taken. */
let takenBytes = 0;

/** A place in memory that is shared with others. */
export interface SlabPlace {
  readonly memory: Uint8Array;
  /** Where it begins. */
  readonly at: number;
}

/**
 * Zeroed memory for something that lives as long as its neighbours; it is given back with the last of them. A view of it
 * would take three times as much as a hash in it.
 */
export function slabPlace(sizeBytes: number): SlabPlace {
  if (sizeBytes > SHARED_MAX_BYTES) return { memory: new Uint8Array(sizeBytes), at: 0 };
  if (slab.byteLength - takenBytes < sizeBytes) {
    slab = new Uint8Array(SLAB_BYTES);
    takenBytes = 0;
  }
  takenBytes += sizeBytes;
  return { memory: slab, at: takenBytes - sizeBytes };
}

/** The same as a view. */
export function slabBytes(sizeBytes: number): Uint8Array {
  const { memory, at } = slabPlace(sizeBytes);
  return memory.subarray(at, at + sizeBytes);
}
