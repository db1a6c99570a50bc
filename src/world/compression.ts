/**
 * Makes bytes smaller that a process keeps in memory, and gets them back. Both calls are quick and hold up the caller:
 * they are meant for pieces of up to a mebibyte.
 */
export interface Compression {
  /** `bytes` in a form that {@link expand} of the same process understands; the memory may be much larger than what it holds. */
  compress(bytes: Uint8Array): Uint8Array;
  /** What {@link compress} was given. */
  expand(compressed: Uint8Array): Uint8Array;
}

/** Keeps bytes as they are: for worlds that are to be the same everywhere. */
export const NO_COMPRESSION: Compression = {
  compress: (bytes) => bytes.slice(),
  expand: (compressed) => compressed.slice(),
};
