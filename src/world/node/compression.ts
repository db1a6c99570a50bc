import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CausewayError } from '../../base/errors.ts';
import type { Compression, FrameCodec } from '../compression.ts';

const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** zstd at its fastest level (RFC 8878). */
export function createNodeCompression(): Compression {
  return {
    compress: (bytes) => zstdCompressSync(bytes, FASTEST),
    expand: (compressed) => zstdDecompressSync(compressed),
  };
}

/**
 * A decoder takes no memory for a longer window. No frame of a message has to reach back further than the message is
 * long, which is at most 4 MiB (LIMITS.chunkMaxBytes).
 */
const WINDOW_LOG_MAX = 23;
/** zlib takes no smaller pieces of memory. */
const PIECE_MIN_BYTES = 64;

/** Frames of zstd (RFC 8878). */
export const NODE_FRAMES: FrameCodec = {
  encode: (bytes, into, { level, longDistance }) => {
    const frame = zstdCompressSync(bytes, {
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        ...(longDistance && { [constants.ZSTD_c_enableLongDistanceMatching]: 1 }),
      },
      pledgedSrcSize: bytes.byteLength, // tables no larger than these bytes need
      chunkSize: Math.max(PIECE_MIN_BYTES, into.byteLength),
    });
    if (frame.byteLength > into.byteLength) return null;
    into.set(frame);
    return frame.byteLength;
  },
  decode: (frame, into) => {
    const { plain, readBytes } = expanded(frame, into.byteLength);
    if (plain.byteLength !== into.byteLength || readBytes !== frame.byteLength)
      throw new CausewayError('CW_WIRE_MALFORMED', 'a compressed message holds another length than it says');
    into.set(plain);
  },
};

function expanded(frame: Uint8Array, sizeBytes: number): { plain: Uint8Array; readBytes: number } {
  try {
    const result = zstdDecompressSync(frame, {
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
      maxOutputLength: Math.max(1, sizeBytes),
      chunkSize: Math.max(PIECE_MIN_BYTES, sizeBytes),
      info: true,
    }) as unknown as { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
    return { plain: result.buffer, readBytes: result.engine.bytesWritten };
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : 'unknown';
    throw new CausewayError('CW_WIRE_MALFORMED', `a compressed message is damaged: ${reason}`);
  }
}
