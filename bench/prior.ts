/** What stands at the destination before a run: the source as it was before an edit. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { NoiseSource } from './generate.ts';

/**
 * `same`: all of it, with the same times. The others are what has happened to the source since: a byte inserted at its
 * start, 1 % appended, 1 % of its 64 KiB blocks written anew, another name, another modification time.
 */
export type Prior = 'same' | 'insert' | 'append' | 'blocks' | 'rename' | 'touch';

const BLOCK_BYTES = 64 << 10;
/** One block in a hundred is changed. */
const STRIDE = 100;
const HOUR_S = 3600;

/** Blocks that an edit of a file of that size changes, by number. */
function changedBlocks(sizeBytes: number): number[] {
  const blocks = Math.floor(sizeBytes / BLOCK_BYTES);
  const changed = Math.max(1, Math.round(blocks / STRIDE));
  // Scattered, and not at equal distances: a multiplier without a common factor visits every block once.
  return Array.from({ length: changed }, (_, i) => (i * 7919 * STRIDE + 41 * i + 13) % blocks);
}

/** Bytes of the source that the destination cannot have. */
export function changedBytes(prior: Prior, sizeBytes: number): number {
  if (prior === 'insert') return 1;
  if (prior === 'append') return sizeBytes - Math.floor(sizeBytes * 0.99);
  if (prior === 'blocks') return new Set(changedBlocks(sizeBytes)).size * BLOCK_BYTES;
  return 0;
}

function overwriteBlocks(path: string, sizeBytes: number): void {
  const noise = new NoiseSource('before');
  const block = Buffer.alloc(BLOCK_BYTES);
  const descriptor = openSync(path, 'r+');
  try {
    for (const index of changedBlocks(sizeBytes)) {
      noise.fill(block);
      writeSync(descriptor, block, 0, BLOCK_BYTES, index * BLOCK_BYTES);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Puts the earlier state of `source`, a file or a folder, into the empty folder `destination`. */
export function layPrior(prior: Prior, source: string, destination: string): void {
  const path = join(destination, basename(source));
  if (prior === 'insert') {
    execFileSync('/bin/sh', ['-c', 'tail -c +2 "$1" > "$2"', 'sh', source, path]);
  } else {
    execFileSync('cp', ['-a', '--reflink=never', source, destination]);
  }
  if (prior === 'same') return;
  const { size, mtimeMs } = statSync(source);
  if (prior === 'append') truncateSync(path, Math.floor(size * 0.99));
  if (prior === 'blocks') overwriteBlocks(path, size);
  const before = mtimeMs / 1000 - HOUR_S;
  if (prior === 'rename') renameSync(path, join(destination, 'earlier-name.bin'));
  else utimesSync(path, before, before);
}

/**
 * A renamed file has its earlier name beside it, which nobody was asked to remove; and Causeway keeps what its undo needs.
 * Anything else that a tool leaves is counted against it.
 */
export function removeLeftover(prior: Prior | undefined, destination: string): void {
  execFileSync('rm', ['-rf', join(destination, '.causeway', 'undo')]);
  const kept = join(destination, '.causeway');
  if (existsSync(kept) && readdirSync(kept).length === 0) rmdirSync(kept);
  if (prior === 'rename') execFileSync('rm', ['-f', join(destination, 'earlier-name.bin')]);
}
