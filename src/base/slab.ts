/** Small arrays share memory of this size: an array of its own for each of a million files costs more than what is in it. */
const SLAB_BYTES = 64 * 1024;
/** A larger array gets memory of its own. */
const SHARED_MAX_BYTES = 4 * 1024;

let slab = new Uint8Array(0);
/** What of it is taken. */
let takenBytes = 0;

/** Zeroed memory for something that lives as long as its neighbours; it is given back with the last of them. */
export function slabBytes(sizeBytes: number): Uint8Array {
  if (sizeBytes > SHARED_MAX_BYTES) return new Uint8Array(sizeBytes);
  if (slab.byteLength - takenBytes < sizeBytes) {
    slab = new Uint8Array(SLAB_BYTES);
    takenBytes = 0;
  }
  takenBytes += sizeBytes;
  return slab.subarray(takenBytes - sizeBytes, takenBytes);
}
