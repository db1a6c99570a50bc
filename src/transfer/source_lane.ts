import { totalBytes } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { asCausewayError, type CausewayError } from '../base/errors.ts';
import { hashAt } from '../base/hash.ts';
import type { Stream } from '../link/mux/mux.ts';
import {
  encodeChunkHeader,
  encodePackHeader,
  encodePatchHeader,
  encodeZerosHeader,
} from '../wire/lane_message.ts';
import type { PatchSegment } from '../wire/patch.ts';
import type { Stat } from '../world/disk.ts';
import type { BufferPool } from './buffer_pool.ts';
import type { RunRead } from './chunk_run_jobs.ts';
import type { CopyCompressor, LaneParts, OutgoingParts } from './compress/copy_compressor.ts';
import { copiedBytes, mayHaveMoved, segmentsOfBlocks, segmentsOfSteps } from './delta/file_delta.ts';
import type { BlockHashes } from './delta/same_blocks.ts';
import { SHORT_HASH_BYTES } from './delta/short_hash.ts';
import { RunLength } from './run_length.ts';
import type { LaneReader } from './shared_source.ts';
import type { ChunkWork, SourceFile, SourceMachine, SourceWork } from './source_machine.ts';
import type { ReadOutcome } from './source_reader.ts';
import type { StageMeter } from './stage_meter.ts';

type PackWork = Extract<SourceWork, { kind: 'pack' }>;

export interface SourceLane {
  readonly stream: Stream;
  readonly pool: BufferPool;
  readonly reader: LaneReader;
  readonly meter: StageMeter;
  readonly chunkBytes: number;
  /** How many there are. */
  readonly lanes: number;
  /** Null: everything goes as it is. */
  readonly compressor: CopyCompressor | null;
  readonly run: LaneRun;
}

/** What a lane asks of the run that it is a part of. */
export interface LaneRun {
  nextWork(): Promise<SourceWork | null>;
  /** The chunk that goes after that one, where it may be read with it. */
  following(work: ChunkWork): ChunkWork | null;
  /** Waits until that many bytes may be sent. */
  pace(bytes: number): Promise<void>;
  /** `copiedBytes` of the chunk do not travel: the sink has them. */
  sent(work: ChunkWork, hash: Uint8Array, copiedBytes: number): void;
  /** The chunk is not at its place in the version that the sink has: it is not sent now. */
  moved(work: ChunkWork): void;
  /** Hears of files that went whole, and of taken work that is not going to be sent. */
  readonly machine: Pick<SourceMachine, 'sentWhole' | 'unsent' | 'zeros'>;
  changed(file: SourceFile, version: number, stat: Stat): Promise<void>;
  failed(file: SourceFile, error: CausewayError): Promise<void>;
}

/**
 * One lane at the source: takes work, reads, hashes, compresses and sends. A piece is read while the one before it is still
 * waiting for the link. Rejects with the stream's error.
 */
export async function runSourceLane(lane: SourceLane): Promise<void> {
  const sending = new Sending(lane);
  const length = new RunLength(lane);
  for (;;) {
    const work = await lane.run.nextWork();
    if (work === null) break;
    if (work.kind === 'chunk' && isPlain(lane, work)) {
      await sendRun(lane, runFrom(lane, work, length.count), { sending, length });
      continue;
    }
    const buffer = lane.pool.take();
    const parts =
      work.kind === 'chunk' ? await readChunk(lane, work, buffer) : await readPack(lane, work, buffer);
    if (parts === null) lane.pool.give(buffer);
    else await sending.send(work, parts, buffer);
  }
  await sending.end();
}

/** The messages of a lane: the next one is made while the last one waits for the link. */
class Sending {
  readonly #lane: SourceLane;
  #last: Promise<void> = Promise.resolve();

  constructor(lane: SourceLane) {
    this.#lane = lane;
  }

  /** The parts are in `buffer`, which goes back to the pool in time. */
  async send(work: SourceWork, parts: LaneParts, buffer: Uint8Array): Promise<void> {
    const out = await outgoing(this.#lane, work, parts, buffer);
    await this.#last;
    await this.#lane.run.pace(out.header.byteLength + totalBytes(out.data));
    this.#last = observed(send(this.#lane, out, work.bytes));
  }

  async end(): Promise<void> {
    await this.#last;
    await this.#lane.stream.end();
  }
}

/** It may be read with others, in one go. */
function isPlain({ reader }: SourceLane, { again, delta }: ChunkWork): boolean {
  return reader.readChunks !== undefined && !again && delta?.kind !== 'steps';
}

/** The chunk, and those that go next. */
function runFrom(lane: SourceLane, first: ChunkWork, most: number): ChunkWork[] {
  const run = [first];
  while (run.length < most) {
    const next = lane.run.following(run.at(-1)!);
    if (next === null) break;
    run.push(next);
  }
  return run;
}

/** Reads chunks that follow each other in one go, and sends each. */
async function sendRun(
  lane: SourceLane,
  run: readonly ChunkWork[],
  { sending, length }: { readonly sending: Sending; readonly length: RunLength },
): Promise<void> {
  const buffers = run.map(() => lane.pool.take());
  const read = await readRun(lane, run, buffers);
  if (read !== null) length.took(read.workMs, run.length);
  let next = 0;
  const leaveOut = (at: number) => {
    lane.run.machine.unsent(run[at]!.bytes);
    lane.pool.give(buffers[at]!);
  };
  try {
    while (next < run.length) {
      const at = next;
      const work = run[at]!;
      next += 1;
      if (read === null || work.file.version !== work.version) {
        leaveOut(at);
        continue;
      }
      const same = read.same[at] ?? null;
      if (mayHaveMoved(work.delta, work.index, same)) {
        lane.run.moved(work);
        lane.pool.give(buffers[at]!);
        continue;
      }
      const outcome = { hash: hashAt(read.hashes, at), zeros: read.zeros[at] === 1, same };
      await sending.send(work, partsOf(lane, work, outcome, buffers[at]!), buffers[at]!);
    }
  } finally {
    for (; next < run.length; next += 1) leaveOut(next); // the stream has failed
  }
}

/** Null where not all of it could be read: that was told. */
async function readRun(
  lane: SourceLane,
  run: readonly ChunkWork[],
  buffers: readonly Uint8Array[],
): Promise<RunRead | null> {
  const { file, version, index } = run[0]!;
  const into = run.map(({ bytes }, at) => buffers[at]!.subarray(0, bytes));
  try {
    const blocks = blocksOf(run[0]!, lane.chunkBytes, run.length);
    const { read, changed } = await lane.reader.readChunks!(file, index, into, blocks);
    if (changed === null) return read;
    await lane.run.changed(file, version, changed);
  } catch (failure) {
    await lane.run.failed(file, asCausewayError(failure));
  }
  return null;
}

/** A chunk that was refused goes as it is: what was between it and its hash is left out. */
async function outgoing(
  lane: SourceLane,
  work: SourceWork,
  parts: LaneParts,
  buffer: Uint8Array,
): Promise<OutgoingParts> {
  const giveBack = () => lane.pool.give(buffer);
  const isAgain = work.kind === 'chunk' && work.again;
  if (lane.compressor === null || isAgain) return { ...parts, level: 0, release: giveBack };
  const file = work.kind === 'chunk' ? work.file.index : null;
  return lane.compressor.outgoing(parts, file, { buffer, giveBack });
}

async function send({ meter, stream, compressor }: SourceLane, out: OutgoingParts, plainBytes: number) {
  await meter.run('link', totalBytes(out.data), () =>
    stream.send([out.header, ...out.data], () => out.release()),
  );
  compressor?.sent(plainBytes, out);
}

async function readChunk(lane: SourceLane, work: ChunkWork, buffer: Uint8Array): Promise<LaneParts | null> {
  const { file, version, index, bytes } = work;
  const data = buffer.subarray(0, bytes);
  try {
    const read = await lane.reader.readChunk(file, index, data, blocksOf(work, lane.chunkBytes));
    if (read.kind === 'changed') {
      lane.run.machine.unsent(bytes);
      await lane.run.changed(file, version, read.stat);
      return null;
    }
    if (file.version !== version) {
      lane.run.machine.unsent(bytes);
      return null;
    }
    if (!mayHaveMoved(work.delta, index, read.same)) return partsOf(lane, work, read, buffer);
    lane.run.moved(work);
    return null;
  } catch (failure) {
    lane.run.machine.unsent(bytes);
    await lane.run.failed(file, asCausewayError(failure));
    return null;
  }
}

/** How a chunk that lies in `buffer` goes. */
function partsOf(
  lane: SourceLane,
  work: ChunkWork,
  read: Pick<Extract<ReadOutcome, { kind: 'ok' }>, 'hash' | 'zeros' | 'same'>,
  buffer: Uint8Array,
): LaneParts {
  const { file, version, index, bytes } = work;
  const data = buffer.subarray(0, bytes);
  const header = { file: file.index, version, index, lengthBytes: bytes, hash: read.hash };
  if (read.zeros && !work.again) {
    lane.run.machine.zeros(bytes);
    lane.run.sent(work, read.hash, 0);
    return { header: encodeZerosHeader(header), data: [] };
  }
  if (read.zeros) data.fill(0); // a hole was not read
  const segments = segmentsOf(work, lane.chunkBytes, read.same);
  const copied = copiedBytes(segments);
  lane.run.sent(work, read.hash, copied);
  if (copied === 0) return { header: encodeChunkHeader(header), data: [data] };
  return { header: encodePatchHeader(header, segments), data: literalsOf(segments, data) };
}

/** The blocks of chunks in a row as the sink has them, where they are to be compared block by block. */
function blocksOf({ delta, index }: ChunkWork, chunkBytes: number, count = 1): BlockHashes | null {
  if (delta?.kind !== 'blocks') return null;
  const { blockBytes, hashes, chunks } = delta;
  const each = (chunkBytes / blockBytes) * SHORT_HASH_BYTES;
  return {
    blockBytes,
    hashes: hashes.slice(index * each, (index + count) * each),
    chunks: chunks.slice(index * SHORT_HASH_BYTES, (index + count) * SHORT_HASH_BYTES),
  };
}

function segmentsOf(work: ChunkWork, chunkBytes: number, same: Uint8Array | null): PatchSegment[] {
  const { delta, index, bytes } = work;
  const chunk = { offset: index * chunkBytes, lengthBytes: bytes };
  if (delta?.kind === 'steps') return segmentsOfSteps(chunk, delta.steps);
  return delta === null || same === null ? [] : segmentsOfBlocks(chunk, delta.blockBytes, same);
}

function literalsOf(segments: readonly PatchSegment[], data: Uint8Array): Uint8Array[] {
  const literals: Uint8Array[] = [];
  let at = 0;
  for (const { literalBytes, copyBytes } of segments) {
    if (literalBytes > 0) literals.push(data.subarray(at, at + literalBytes));
    at += literalBytes + copyBytes;
  }
  return literals;
}

async function readPack(lane: SourceLane, work: PackWork, buffer: Uint8Array): Promise<LaneParts | null> {
  const versions = work.files.map((file) => file.version);
  const outcomes = await lane.reader.readPack(work.files, buffer);
  const entries: { file: number; lengthBytes: number; hash: Uint8Array }[] = [];
  let from = 0;
  let to = 0;
  for (let at = 0; at < work.files.length; at += 1) {
    const file = work.files[at]!;
    const lengthBytes = file.entry.sizeBytes;
    const outcome = outcomes[at]!;
    if (outcome.kind === 'ok') {
      if (to < from) buffer.copyWithin(to, from, from + lengthBytes);
      entries.push({ file: file.index, lengthBytes, hash: outcome.hash });
      to += lengthBytes;
      lane.run.machine.sentWhole(file);
    } else {
      lane.run.machine.unsent(lengthBytes);
      if (outcome.kind === 'failed') await lane.run.failed(file, outcome.error);
      else await lane.run.changed(file, versions[at]!, outcome.stat);
    }
    from += lengthBytes;
  }
  if (entries.length === 0) return null;
  return { header: encodePackHeader(entries), data: [buffer.subarray(0, to)] };
}
