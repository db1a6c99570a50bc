import { observed } from '../base/deferred.ts';
import { asCausewayError, type CausewayError } from '../base/errors.ts';
import type { Stream } from '../link/mux/mux.ts';
import { encodeChunkHeader, encodePackHeader } from '../wire/lane_message.ts';
import type { Stat } from '../world/disk.ts';
import type { BufferPool } from './buffer_pool.ts';
import type { SourceFile, SourceWork } from './source_machine.ts';
import type { SourceReader } from './source_reader.ts';
import type { StageMeter } from './stage_meter.ts';

type ChunkWork = Extract<SourceWork, { kind: 'chunk' }>;
type PackWork = Extract<SourceWork, { kind: 'pack' }>;

export interface SourceLane {
  readonly stream: Stream;
  readonly pool: BufferPool;
  readonly reader: SourceReader;
  readonly meter: StageMeter;
  nextWork(): Promise<SourceWork | null>;
  sent(work: ChunkWork, hash: Uint8Array): void;
  /** Bytes of taken work that are not going to be sent. */
  unsent(bytes: number): void;
  changed(file: SourceFile, version: number, stat: Stat): Promise<void>;
  failed(file: SourceFile, error: CausewayError): Promise<void>;
}

/**
 * One lane at the source: takes work, reads, hashes and sends. A piece is read while the one before it is still
 * waiting for the link. Rejects with the stream's error.
 */
export async function runSourceLane(lane: SourceLane): Promise<void> {
  let sending: Promise<void> = Promise.resolve();
  for (;;) {
    const work = await lane.nextWork();
    if (work === null) break;
    const buffer = lane.pool.take();
    const parts =
      work.kind === 'chunk' ? await readChunk(lane, work, buffer) : await readPack(lane, work, buffer);
    await sending;
    if (parts === null) {
      lane.pool.give(buffer);
      continue;
    }
    sending = observed(
      lane.meter.run('link', work.bytes, () => lane.stream.send(parts, () => lane.pool.give(buffer))),
    );
  }
  await sending;
  await lane.stream.end();
}

async function readChunk(
  lane: SourceLane,
  work: ChunkWork,
  buffer: Uint8Array,
): Promise<Uint8Array[] | null> {
  const { file, version, index, bytes } = work;
  const data = buffer.subarray(0, bytes);
  try {
    const read = await lane.reader.readChunk(file, index, data);
    if (read.kind === 'changed') {
      lane.unsent(bytes);
      await lane.changed(file, version, read.stat);
      return null;
    }
    if (file.version !== version) {
      lane.unsent(bytes);
      return null;
    }
    lane.sent(work, read.hash);
    return [
      encodeChunkHeader({ file: file.index, version, index, lengthBytes: bytes, hash: read.hash }),
      data,
    ];
  } catch (failure) {
    lane.unsent(bytes);
    await lane.failed(file, asCausewayError(failure));
    return null;
  }
}

async function readPack(lane: SourceLane, work: PackWork, buffer: Uint8Array): Promise<Uint8Array[] | null> {
  const versions = work.files.map((file) => file.version);
  const outcomes = await lane.reader.readPack(work.files, buffer);
  const entries: { file: number; lengthBytes: number; hash: Uint8Array }[] = [];
  let from = 0;
  let to = 0;
  for (const [at, file] of work.files.entries()) {
    const lengthBytes = file.entry.sizeBytes;
    const outcome = outcomes[at]!;
    if (outcome.kind === 'ok') {
      if (to < from) buffer.copyWithin(to, from, from + lengthBytes);
      entries.push({ file: file.index, lengthBytes, hash: outcome.hash });
      to += lengthBytes;
    } else {
      lane.unsent(lengthBytes);
      if (outcome.kind === 'failed') await lane.failed(file, outcome.error);
      else await lane.changed(file, versions[at]!, outcome.stat);
    }
    from += lengthBytes;
  }
  return entries.length === 0 ? null : [encodePackHeader(entries), buffer.subarray(0, to)];
}
