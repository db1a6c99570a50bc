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
  const entries: { file: number; lengthBytes: number; hash: Uint8Array }[] = [];
  let at = 0;
  for (const file of work.files) {
    const data = buffer.subarray(at, at + file.entry.sizeBytes);
    const hash = await readPacked(lane, file, data);
    if (hash === null) {
      lane.unsent(data.byteLength);
      continue;
    }
    entries.push({ file: file.index, lengthBytes: data.byteLength, hash });
    at += data.byteLength;
  }
  return entries.length === 0 ? null : [encodePackHeader(entries), buffer.subarray(0, at)];
}

async function readPacked(lane: SourceLane, file: SourceFile, data: Uint8Array): Promise<Uint8Array | null> {
  const { version } = file;
  try {
    const read = await lane.reader.readWhole(file, data);
    if (read.kind === 'ok') return read.hash;
    await lane.changed(file, version, read.stat);
  } catch (failure) {
    await lane.failed(file, asCausewayError(failure));
  }
  return null;
}
