import { equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes, hashParts } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { isAllZero } from '../base/zeros.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Job } from '../world/offload.ts';
import { type OnMoved, readFully, writeFully } from './file_io.ts';
import { nowAndThen } from './job_progress.ts';

/**
 * Copies a file of this machine into a new, empty one, flushes it and reads it back. Pieces of zeros become holes.
 * CW_COPY_VERIFY where it does not read as it was written.
 */
export const copyFileJob: Job<{ readonly from: DiskFile; readonly to: DiskFile }, null> = {
  name: 'copy-file',
  async run({ from, to }, context) {
    const moved = nowAndThen(context);
    const memory = context.scratch(LIMITS.chunkDefaultBytes.value);
    const written = await forEachPiece(from, memory, moved, async (piece, offset) => {
      if (!isAllZero(piece)) await writeFully(to, piece, offset);
    });
    await to.truncate(written.sizeBytes);
    await to.datasync();
    const read = await forEachPiece(to, memory, moved, async () => undefined);
    if (read.sizeBytes !== written.sizeBytes || !equalBytes(read.hash, written.hash))
      throw new CausewayError('CW_COPY_VERIFY', 'a copy made on one disk did not read as it was written');
    return null;
  },
};

async function forEachPiece(
  file: DiskFile,
  memory: Uint8Array,
  moved: OnMoved,
  take: (piece: Uint8Array, offset: number) => Promise<void>,
): Promise<{ sizeBytes: number; hash: Uint8Array }> {
  const hashes: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const count = await readFully(file, memory, offset, moved);
    const piece = memory.subarray(0, count);
    if (count > 0) await take(piece, offset);
    hashes.push(hashBytes(piece));
    offset += count;
    if (count < memory.byteLength) return { sizeBytes: offset, hash: hashParts(hashes) };
  }
}
