import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { forEachAtOnce } from '../../base/parallel.ts';
import type { DirectMethod } from '../../wire/direct_fields.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import { overfills } from '../page_cache.ts';
import type { StageMeter } from '../stage_meter.ts';
import { isWholeDisk } from '../whole_disk.ts';
import type { MethodChoice, PieceMethod } from './method_choice.ts';
import { compareTwinRangeJob, copyTwinRangeJob, shareBlocksJob } from './range_jobs.ts';

export interface FileCopyParts {
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly choice: MethodChoice;
  /** Of this machine. */
  readonly memoryBytes: number;
  /** So many bytes are flushed and compared. */
  proven(bytes: number): void;
  isOver(): boolean;
}

/** The file of the source, and the empty one that becomes its copy. */
export interface Twins {
  readonly from: DiskFile;
  readonly to: DiskFile;
  readonly sizeBytes: number;
  /** Whether the holes that `from` tells of count. */
  readonly holes: boolean;
  /** Nothing of `from` is to stay in memory. */
  readonly forget: boolean;
}

/** The copy cannot be trusted any more: the system may have dropped what was written. */
export class FlushFailed extends Error {
  readonly error: CausewayError;

  constructor(error: CausewayError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * Copies one file by the fastest way, and proves it: what was copied is flushed, read back and compared with the source
 * byte by byte, but for blocks that the two files share. Gives the bytes by each way. Whether the source changed meanwhile
 * is the caller's to see. Throws FlushFailed, CW_DISK_*, and CW_COPY_VERIFY where the two differ.
 */
export async function copyFileDirectly(
  twins: Twins,
  parts: FileCopyParts,
): Promise<ReadonlyMap<DirectMethod, number>> {
  if (await share(twins, parts)) return new Map([['reflink', twins.sizeBytes]]);
  const { to, sizeBytes } = twins;
  await to.truncate(0);
  await to.truncate(sizeBytes);
  const bytesBy = new Map<DirectMethod, number>();
  await forEachAtOnce(piecesOf(sizeBytes), LIMITS.directWindowsAtOnceMax.value, async (piece) => {
    if (parts.isOver()) throw new CausewayError('CW_CANCELLED', 'the copy is over');
    const method = await copyPiece({ ...twins, ...piece }, parts);
    bytesBy.set(method, (bytesBy.get(method) ?? 0) + piece.lengthBytes);
    parts.proven(piece.lengthBytes);
  });
  return bytesBy;
}

interface PieceRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

function* piecesOf(sizeBytes: number): Generator<PieceRange> {
  const each = LIMITS.directWindowBytes.value;
  for (let offset = 0; offset < sizeBytes; offset += each)
    yield { offset, lengthBytes: Math.min(each, sizeBytes - offset) };
}

/** False where the file systems do not share the blocks of this file. */
async function share({ from, to, sizeBytes }: Twins, parts: FileCopyParts): Promise<boolean> {
  const { choice, meter, offload } = parts;
  if (!choice.mayShare) return false;
  try {
    const args = { from, to, sizeBytes };
    await meter.run('destinationWrite', 0, (moved) => offload.run(shareBlocksJob, args, moved));
    choice.shared(true);
    return true;
  } catch (failure) {
    if (isWholeDisk(asCausewayError(failure))) throw failure;
    choice.shared(false);
    return false; // another way tells what is wrong, if anything is
  }
}

type Piece = Twins & PieceRange;

async function copyPiece(piece: Piece, parts: FileCopyParts): Promise<PieceMethod> {
  const { meter, offload } = parts;
  const { from, to, offset, lengthBytes, holes, forget, sizeBytes } = piece;
  const method = await writePiece(piece, parts);
  try {
    await meter.run('destinationFlush', lengthBytes, () => to.datasync());
  } catch (failure) {
    throw new FlushFailed(asCausewayError(failure));
  }
  const forgetTo = overfills(sizeBytes, parts.memoryBytes);
  const args = { from, to, offset, lengthBytes, holes, forgetFrom: forget, forgetTo };
  const isSame = await meter.run('verify', lengthBytes, (moved) =>
    offload.run(compareTwinRangeJob, args, moved),
  );
  if (!isSame) throw new CausewayError('CW_COPY_VERIFY', 'what was copied is not what the source has');
  return method;
}

async function writePiece(piece: Piece, { meter, offload, choice }: FileCopyParts): Promise<PieceMethod> {
  const { from, to, offset, lengthBytes, holes } = piece;
  const write = (method: PieceMethod) =>
    meter.run('destinationWrite', lengthBytes, (moved) =>
      offload.run(copyTwinRangeJob, { from, to, offset, lengthBytes, holes, method }, moved),
    );
  let method = choice.next();
  let copied = await write(method);
  if (copied.kind === 'refused') {
    choice.refused(method);
    method = 'direct';
    copied = await write(method);
  }
  if (copied.kind !== 'copied')
    throw new CausewayError('CW_COPY_SOURCE_CHANGED', 'the source became shorter while it was copied');
  choice.took(method, lengthBytes, copied.ms);
  return method;
}
