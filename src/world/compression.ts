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

/** How hard a frame is worked on. */
export interface FrameEffort {
  /** 1 (fastest) to 19 (smallest), as zstd counts. */
  readonly level: number;
  /** Also looks for what repeats over long distances. */
  readonly longDistance: boolean;
}

/** Frames that another process of the same kind of world understands. Both calls hold up the caller. */
export interface FrameCodec {
  /** Puts the frame of `bytes` into `into` and gives its length; null where it has no room. */
  encode(bytes: Uint8Array, into: Uint8Array, effort: FrameEffort): number | null;
  /**
   * Fills `into` with what `frame` holds. CW_WIRE_MALFORMED where that is more or less, or the frame is damaged; no more
   * memory is taken than some times the length of `into`.
   */
  decode(frame: Uint8Array, into: Uint8Array): void;
}
