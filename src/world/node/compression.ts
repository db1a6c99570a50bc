import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Compression } from '../compression.ts';

const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** zstd at its fastest level (RFC 8878). */
export function createNodeCompression(): Compression {
  return {
    // the result of zlib may lie in a buffer that is much larger than itself
    compress: (bytes) => Uint8Array.from(zstdCompressSync(bytes, FASTEST)),
    expand: (compressed) => zstdDecompressSync(compressed),
  };
}
