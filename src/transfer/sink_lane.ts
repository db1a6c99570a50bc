import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Stream, StreamMessage } from '../link/mux/mux.ts';
import {
  type ChunkHeader,
  decodeSentLaneMessage,
  type LaneMessage,
  type PackEntry,
  type PatchMessage,
  zerosWindowBytes,
} from '../wire/lane_message.ts';
import { chunkLength } from './chunk_map.ts';
import type { MessageExpander } from './compress/message_expander.ts';
import type { SinkFile } from './sink_files.ts';
import type { SinkEvent, WrittenFile } from './sink_state.ts';
import type { SinkWriter } from './sink_writer.ts';
import type { StageMeter } from './stage_meter.ts';

export interface SinkLane {
  readonly stream: Stream;
  readonly writer: SinkWriter;
  readonly meter: StageMeter;
  readonly chunkBytes: number;
  file(index: number): SinkFile | undefined;
  emit(event: SinkEvent): void;
  /** A file's bytes could not be written. Throws what ends the whole copy. */
  failed(file: SinkFile, failure: unknown): void;
  /** Waits while too many complete files wait for their finish. */
  room(): Promise<void>;
}

/** One lane at the sink: receives, decompresses, checks hashes, writes. Rejects with the stream's error or CW_WIRE_* for what no honest source sends. */
export async function runSinkLane(lane: SinkLane, expander: MessageExpander): Promise<void> {
  const mailbox = new Mailbox(lane);
  for (;;) {
    const message = await mailbox.next();
    if (message === null) return;
    await takeMessage(lane, message, expander, mailbox);
    await lane.room();
  }
}

/** The messages of a lane, in order. */
class Mailbox {
  readonly #lane: SinkLane;
  /** Received, and looked at by who had no use for it. */
  #left: StreamMessage | null = null;

  constructor(lane: SinkLane) {
    this.#lane = lane;
  }

  async next(): Promise<StreamMessage | null> {
    const left = this.#left;
    this.#left = null;
    if (left !== null) return left;
    const { meter, stream } = this.#lane;
    let toldBytes = 0;
    const message = await meter.run('receive', 0, (moved) =>
      stream.receive((bytes) => {
        toldBytes += bytes;
        moved(bytes);
      }),
    );
    if (message !== null) meter.moved('receive', message.bytes.byteLength - toldBytes);
    return message;
  }

  /** What `wanted` makes of the next message, where that is there already; one of which it makes null is kept for {@link next}. */
  nextIf<T>(wanted: (message: StreamMessage) => T | null): T | null {
    const message = this.#left ?? this.#lane.stream.receiveNow?.() ?? null;
    if (message === null) return null;
    if (message !== this.#left) this.#lane.meter.moved('receive', message.bytes.byteLength);
    const made = wanted(message);
    this.#left = made === null ? message : null;
    return made;
  }
}

async function takeMessage(
  lane: SinkLane,
  message: StreamMessage,
  expander: MessageExpander,
  mailbox: Mailbox,
): Promise<void> {
  let isHeld = true;
  const release = () => {
    if (isHeld) message.release();
    isHeld = false;
  };
  try {
    const sent = decodeSentLaneMessage(message.bytes);
    if (sent.type === 'chunk') return await takeRun(lane, sent, mailbox, writeRun);
    if (sent.type === 'patch') return await takeRun(lane, sent, mailbox, writePatches);
    const decoded = await expander.expand(sent, release);
    if (decoded.type === 'chunk') return await writeRun(lane, [decoded]);
    if (decoded.type === 'zeros') return await takeZeros(lane, decoded);
    if (decoded.type === 'patch') return await writePatches(lane, [decoded]);
    await takePack(lane, decoded.entries);
  } finally {
    release();
  }
}

type Chunk = Extract<LaneMessage, { type: 'chunk' }>;

type Follower = Chunk | PatchMessage;

/** With the first message those of its kind that follow it in the file, as far as they are here: they are written in one go. */
async function takeRun<Message extends Follower & { readonly type: string }>(
  lane: SinkLane,
  first: Message,
  mailbox: Mailbox,
  write: (lane: SinkLane, run: readonly Message[]) => Promise<void>,
): Promise<void> {
  const run = [first];
  const messages: StreamMessage[] = [];
  const most = first.type === 'patch' ? LIMITS.patchRunMax.value : LIMITS.chunkRunMax.value;
  try {
    while (run.length < most) {
      const next = mailbox.nextIf((message) => {
        const sent = decodeSentLaneMessage(message.bytes);
        if (sent.type !== first.type || !isNext(run.at(-1)!, sent as Message)) return null;
        return { message, chunk: sent as Message };
      });
      if (next === null) break;
      run.push(next.chunk);
      messages.push(next.message);
    }
    await write(lane, run);
  } finally {
    for (const message of messages) message.release();
  }
}

function isNext(before: Follower, chunk: Follower): boolean {
  return chunk.file === before.file && chunk.version === before.version && chunk.index === before.index + 1;
}

/** Writes those of the chunks that are waited for, which follow each other. */
async function writeRun(lane: SinkLane, run: readonly Chunk[]): Promise<void> {
  let wanted: Chunk[] = [];
  let file: SinkFile | null = null;
  for (const chunk of run) {
    const bytes = chunk.data.byteLength;
    const target = wantedBy(lane, { ...chunk, lengthBytes: bytes }, { kind: 'chunkIgnored', bytes });
    if (target === null) {
      if (file !== null) await writeChunks(lane, file, wanted);
      wanted = [];
    } else wanted.push(chunk);
    file = target;
  }
  if (file !== null) await writeChunks(lane, file, wanted);
}

async function writeChunks(lane: SinkLane, file: SinkFile, chunks: readonly Chunk[]): Promise<void> {
  let written: ReadonlySet<Chunk>;
  try {
    written = await lane.writer.writeChunks(file, chunks);
  } catch (failure) {
    for (const { data } of chunks) lane.emit({ kind: 'chunkIgnored', bytes: data.byteLength });
    return lane.failed(file, failure);
  }
  for (const chunk of chunks) {
    const { version, index, hash, data } = chunk;
    const about = { file: file.index, version, index, bytes: data.byteLength };
    if (written.has(chunk)) lane.emit({ kind: 'chunkWritten', ...about, reusedBytes: 0, zeros: false, hash });
    else lane.emit({ kind: 'chunkBad', ...about, stage: 'link' });
  }
}

async function writePatches(lane: SinkLane, run: readonly PatchMessage[]): Promise<void> {
  const wanted: PatchMessage[] = [];
  let file: SinkFile | null = null;
  for (const patch of run) {
    const target = wantedBy(lane, patch, { kind: 'chunkIgnored', bytes: patch.lengthBytes });
    if (target !== null) wanted.push(patch);
    file = target ?? file;
  }
  if (file === null) return;
  let whole: ReadonlySet<PatchMessage>;
  try {
    whole = await lane.writer.writePatches(file, wanted);
  } catch (failure) {
    for (const { lengthBytes: bytes } of wanted) lane.emit({ kind: 'chunkIgnored', bytes });
    return lane.failed(file, failure);
  }
  for (const patch of wanted) {
    const { version, index, hash, data, lengthBytes: bytes } = patch;
    const about = { file: file.index, version, index, bytes };
    const reusedBytes = bytes - data.byteLength;
    if (whole.has(patch)) lane.emit({ kind: 'chunkWritten', ...about, reusedBytes, zeros: false, hash });
    else lane.emit({ kind: 'patchFailed', ...about });
  }
}

async function takeZeros(lane: SinkLane, chunk: ChunkHeader): Promise<void> {
  const { version, index, hash, lengthBytes: bytes } = chunk;
  const ignored: SinkEvent = { kind: 'chunkIgnored', bytes: zerosWindowBytes(bytes), zeros: true };
  const file = wantedBy(lane, chunk, ignored);
  if (file === null) return;
  try {
    await lane.writer.writeZeros(file, chunk);
  } catch (failure) {
    lane.emit(ignored);
    return lane.failed(file, failure);
  }
  lane.emit({
    kind: 'chunkWritten',
    file: file.index,
    version,
    index,
    bytes,
    reusedBytes: 0,
    zeros: true,
    hash,
  });
}

/**
 * The file of a chunk that is waited for; of one that is not, `ignored` tells. Throws CW_WIRE_MALFORMED for
 * one that lies outside of its file.
 */
function wantedBy(lane: SinkLane, chunk: ChunkHeader, ignored: SinkEvent): SinkFile | null {
  const { file: fileIndex, version, index, lengthBytes: bytes } = chunk;
  const file = lane.file(fileIndex);
  if (file?.phase === 'receiving' && file.version === version) {
    const fits =
      index < file.chunks.count && bytes === chunkLength(file.entry.sizeBytes, lane.chunkBytes, index);
    if (!fits)
      throw new CausewayError(
        'CW_WIRE_MALFORMED',
        `chunk ${index} of ${file.entry.path} lies outside of the file`,
      );
    if (!file.chunks.has(index)) return file;
  }
  lane.emit(ignored);
  return null;
}

async function takePack(lane: SinkLane, entries: readonly PackEntry[]): Promise<void> {
  const files: { readonly target: SinkFile; readonly hash: Uint8Array; readonly data: Uint8Array }[] = [];
  for (const { file, hash, data } of entries) {
    const target = wantedWhole(lane, file, data.byteLength);
    if (target !== null) files.push({ target, hash, data });
  }
  if (files.length === 0) return;
  const failures = await lane.writer.writePack(files);
  const written: WrittenFile[] = [];
  for (let at = 0; at < files.length; at += 1) {
    const { target, hash, data } = files[at]!;
    const bytes = data.byteLength;
    const error = failures.get(at);
    if (error === undefined) written.push({ file: target.index, bytes, hash });
    else {
      lane.emit({ kind: 'chunkIgnored', bytes });
      lane.failed(target, error);
    }
  }
  lane.emit({ kind: 'packWritten', files: written });
}

/** A file that came whole and is waited for; null for another. Throws CW_WIRE_MALFORMED for one of another size. */
function wantedWhole(lane: SinkLane, index: number, bytes: number): SinkFile | null {
  const file = lane.file(index);
  if (file?.phase !== 'receiving' || file.version !== 0 || file.chunks.has(0)) {
    lane.emit({ kind: 'chunkIgnored', bytes });
    return null;
  }
  if (file.chunks.count === 1 && bytes === file.entry.sizeBytes) return file;
  throw new CausewayError(
    'CW_WIRE_MALFORMED',
    `${file.entry.path} came whole with another size than planned`,
  );
}
