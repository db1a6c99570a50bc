import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseChunkingId } from '../../store/chunker/chunking.ts';
import type { BaseMessage, SourceMessage } from '../../wire/copy_types.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import { hashPages, knownPieces, shortChunkHashes } from '../known/known_pieces.ts';
import type { NumberedEntry, SinkPlan } from '../sink_plan.ts';
import type { StageMeter } from '../stage_meter.ts';
import { encodePieces } from './base_list.ts';
import { type CutPieces, cutFile } from './cut_file.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

export type AskBase = Extract<SourceMessage, { t: 'askBase' }>;

export interface BaseReading {
  readonly chunkBytes: number;
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly plan: SinkPlan;
  /** Opens the version that stands at the destination. */
  open(file: NumberedEntry): Promise<DiskFile>;
  /** What is known of it without reading it. */
  known(base: DiskFile): Promise<KnownContent | null>;
  send(message: BaseMessage): Promise<void>;
  /** Asked now and then: the copy is over, nobody waits for the rest. */
  isOver(): boolean;
}

/**
 * Tells the source the pieces of the version of a file that the destination has. What cannot be read is told as no pieces:
 * the file comes in whole. CW_WIRE_MALFORMED for a file that the copy does not have.
 */
export async function tellBase(ask: AskBase, reading: BaseReading): Promise<void> {
  const { file } = ask;
  const { meter, offload, plan } = reading;
  if (file >= plan.entries) throw new CausewayError('CW_WIRE_MALFORMED', `the copy has no file ${file}`);
  const chunking = parseChunkingId(ask.chunking);
  const none = { t: 'base', file, lengths: new Uint8Array(0), hashes: new Uint8Array(0) } as const;
  if (chunking === null) return reading.send({ ...none, last: true });
  try {
    await using base = await reading.open(plan.entry(file));
    const known = await reading.known(base);
    if (known !== null && ask.chunks) await tellChunks(file, reading, known);
    const pieces = known && knownPieces(known, ask, reading.chunkBytes);
    if (pieces !== null) {
      for (const hashes of hashPages(pieces)) await reading.send({ ...none, hashes, last: false });
      return await reading.send({ ...none, last: true });
    }
    const { sizeBytes } = await base.stat();
    if (chunking.kind === 'fastcdc' && ask.chunks) {
      await readChunkHashes(file, reading, { base, sizeBytes });
      return await reading.send({ ...none, last: true });
    }
    for await (const pieces of cutFile({
      file: base,
      sizeBytes,
      from: ask.from ?? 0,
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

/** Chunks that are the same at the same place need no look at their pieces. */
async function tellChunks(
  file: number,
  { chunkBytes, send }: BaseReading,
  known: KnownContent,
): Promise<void> {
  if (known.chunkBytes !== chunkBytes) return;
  const none = new Uint8Array(0);
  for (const chunks of hashPages(shortChunkHashes(known)))
    await send({ t: 'base', file, lengths: none, hashes: none, chunks, last: false });
}

/** The same for a version that is not known, which is read in several threads: cutting by content goes byte after byte. */
async function readChunkHashes(
  file: number,
  { chunkBytes, meter, offload, send, isOver }: BaseReading,
  { base, sizeBytes }: { readonly base: DiskFile; readonly sizeBytes: number },
): Promise<void> {
  const none = new Uint8Array(0);
  const chunking = { kind: 'fixed', chunkBytes } as const;
  const stage = 'destinationRead';
  for await (const pieces of cutFile({ file: base, sizeBytes, chunking, meter, stage, offload })) {
    for (const { hashes: chunks } of pagesOf(pieces)) {
      if (isOver()) return;
      await send({ t: 'base', file, lengths: none, hashes: none, chunks, last: false });
    }
  }
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
