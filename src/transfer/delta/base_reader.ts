import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseChunkingId } from '../../store/chunker/chunking.ts';
import type { BaseMessage } from '../../wire/copy_types.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import type { StageMeter } from '../stage_meter.ts';
import { encodePieces } from './base_list.ts';
import { type CutPieces, cutFile } from './cut_file.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

export interface BaseReading {
  /** Number of the file in the plan. */
  readonly file: number;
  /** Name of the way of cutting that the source asks for. */
  readonly chunking: string;
  readonly meter: StageMeter;
  readonly offload: Offload;
  /** Opens the version that stands at the destination. */
  open(): Promise<DiskFile>;
  send(message: BaseMessage): Promise<void>;
  /** Asked now and then: the copy is over, nobody waits for the rest. */
  isOver(): boolean;
}

/** Tells the source the pieces of the version of a file that the destination has. What cannot be read is told as no pieces: the file comes in whole. */
export async function tellBase(reading: BaseReading): Promise<void> {
  const { file, meter, offload } = reading;
  const chunking = parseChunkingId(reading.chunking);
  const none = { t: 'base', file, lengths: new Uint8Array(0), hashes: new Uint8Array(0) } as const;
  if (chunking === null) return reading.send({ ...none, last: true });
  try {
    await using base = await reading.open();
    const { sizeBytes } = await base.stat();
    for await (const pieces of cutFile({
      file: base,
      sizeBytes,
      chunking,
      meter,
      stage: 'destinationRead',
      offload,
    })) {
      for (const page of pagesOf(pieces)) {
        if (reading.isOver()) return;
        await reading.send({ t: 'base', file, ...encodePieces(page, chunking), last: false });
      }
    }
  } catch (failure) {
    if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
    // what was told so far is true, and what follows counts as new
  }
  await reading.send({ ...none, last: true });
}

function* pagesOf({ lengths, hashes }: CutPieces): Generator<CutPieces> {
  const most = LIMITS.basePagePieces.value;
  for (let at = 0; at < lengths.length; at += most) {
    yield {
      lengths: lengths.subarray(at, at + most),
      hashes: hashes.subarray(at * SHORT_HASH_BYTES, (at + most) * SHORT_HASH_BYTES),
    };
  }
}
