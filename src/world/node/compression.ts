import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Compression } from '../compression.ts';

const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** zstd at its fastest level (RFC 8878). */
export function createNodeCompression(): Compression {
  return {
    compress: (bytes) => zstdCompressSync(bytes, FASTEST),
    expand: (compressed) => zstdDecompressSync(compressed),
  };
}
