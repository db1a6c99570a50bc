import { Arc } from '../eviction/arc.ts';
import { Belady } from '../eviction/belady.ts';
import { Lru } from '../eviction/lru.ts';
import type { EvictionPolicy } from '../eviction/policy.ts';
import { S3Fifo } from '../eviction/s3_fifo.ts';
import { TinyLfu } from '../eviction/tiny_lfu.ts';
import type { Trace } from '../traces/trace.ts';

/** Block size for which W-TinyLFU's sketch is laid out: small, so that it never has too few counters. */
const SMALL_BLOCK_BYTES = 16 * 1024;

/** What is compared, by the name that a user sees. `optimum` knows the future. */
export const POLICIES: Readonly<Record<string, (bytes: number, trace: Trace) => EvictionPolicy<number>>> = {
  lru: (bytes) => new Lru(bytes),
  arc: (bytes) => new Arc(bytes),
  'w-tinylfu': (bytes) => new TinyLfu(bytes, Math.ceil(bytes / SMALL_BLOCK_BYTES)),
  's3-fifo': (bytes) => new S3Fifo(bytes),
  optimum: (bytes, trace) => new Belady(bytes, trace.keys),
};
