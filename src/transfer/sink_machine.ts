import { assert, unreachable } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Problem } from '../wire/copy_types.ts';
import { zerosWindowBytes } from '../wire/lane_message.ts';
import { ChunkMap, chunkCount, chunkLength } from './chunk_map.ts';
import type { SinkFile } from './sink_files.ts';
import { MARK } from './sink_plan.ts';
import type { FailedFinish, SinkEffect, SinkEvent, SinkState } from './sink_state.ts';

/**
 * The receiving side of a copy as a machine: what to flush, verify, publish and tell, given what happened. It awaits
 * nothing and reads neither clock nor disk; it owns `state` and changes it in place.
 *
 * Invariants: a file is published only after every chunk of one version was written, its root matched what the source
 * says, and the finishing step re-read and matched every chunk; bytes count as durable only after a flush that started
 * after they were written.
 */
export function stepSink(state: SinkState, event: SinkEvent): SinkEffect[] {
  const effects: SinkEffect[] = [];
  apply(state, event, effects);
  startFlush(state, event.kind === 'tick', effects);
  startBatches(state, event.kind === 'tick', effects);
  if (
    state.planComplete &&
    state.open === 0 &&
    !state.finalizing &&
    state.batches === 0 &&
    state.flushing === null
  ) {
    state.finalizing = true;
    effects.push({ kind: 'finalize' });
  }
  return effects;
}

function apply(state: SinkState, event: SinkEvent, effects: SinkEffect[]): void {
  switch (event.kind) {
    case 'planned':
      return planned(state, event);
    case 'planEnd':
      state.planComplete = true;
      return;
    case 'entryDone':
      state.doneEntries += event.count;
      return;
    case 'claimed':
      return state.files.get(event.file)!.chunks.claim(event.index, event.hash);
    case 'looked':
      return looked(state, event, effects);
    case 'passedOver':
      state.open -= event.files;
      return;
    case 'inPlace':
      return foundInPlace(state, state.files.get(event.file)!);
    case 'unchanged':
      return unchanged(state, event);
    case 'chunkWritten':
      return chunkWritten(state, event, effects);
    case 'patchFailed':
      return patchFailed(state, event, effects);
    case 'packWritten':
      return packWritten(state, event);
    case 'directPart':
      return directPart(state, event);
    case 'copied':
      return copied(state, event.file);
    case 'chunkBad':
      return chunkBad(state, event, effects);
    case 'chunkIgnored':
      if (!event.zeros) state.receivedBytes += event.bytes;
      state.settledBytes += event.bytes;
      return;
    case 'fileEnd':
      return fileEnd(state, event.file, event.root, effects);
    case 'fileChanged':
      return fileChanged(state, event, effects);
    case 'fileFailed':
      return fileFailed(state, event, effects);
    case 'flushed':
      return flushed(state);
    case 'published':
      return published(state, event.files);
    case 'unpublished':
      return unpublished(state, event.file, event.outcome, effects);
    case 'batchDone':
      return batchDone(state, effects);
    case 'tick':
      return;
    default:
      return unreachable(event);
  }
}

function planned(state: SinkState, event: Extract<SinkEvent, { kind: 'planned' }>): void {
  assert(!state.planComplete, 'entries come before the end of the plan');
  state.open += event.files;
}

/** No retry is counted for what an earlier attempt claimed and is not so. */
function looked(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'looked' }>,
  effects: SinkEffect[],
): void {
  const file = state.files.get(event.file);
  if (file?.phase !== 'receiving' || file.version !== event.version) return;
  for (const index of event.good) {
    if (!file.chunks.isClaimed(index)) continue;
    file.chunks.check(index);
    const before = state.durableBytes;
    credit(state, file, chunkLength(file.entry.sizeBytes, state.chunkBytes, index));
    state.recoveredBytes += state.durableBytes - before;
  }
  const bad = event.bad.filter((index) => file.chunks.isClaimed(index));
  if (bad.length > 0) askAgain(file, bad, 'verify', effects);
  endIfWhole(state, file, effects);
}

function foundInPlace(state: SinkState, file: SinkFile): void {
  const before = state.durableBytes;
  inPlace(state, file);
  state.recoveredBytes += state.durableBytes - before;
}

function inPlace(state: SinkState, file: SinkFile): void {
  if (file.phase === 'finishing') state.finishing -= 1;
  file.phase = 'published';
  state.open -= 1;
  state.doneEntries += 1;
  credit(state, file, file.plannedBytes);
  state.files.end(file);
}

function unchanged(state: SinkState, { files, bytes }: Extract<SinkEvent, { kind: 'unchanged' }>): void {
  const { plan } = state.files;
  for (const index of plan.numbers(MARK.unchanged)) plan.setMark(index, MARK.nothing);
  state.open -= files;
  state.doneEntries += files;
  state.durableBytes += bytes;
  state.recoveredBytes += bytes;
}

function chunkWritten(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'chunkWritten' }>,
  effects: SinkEffect[],
): void {
  const windowBytes = event.zeros ? zerosWindowBytes(event.bytes) : event.bytes;
  if (event.zeros) state.zeroBytes += event.bytes;
  else state.receivedBytes += event.bytes - event.reusedBytes;
  state.reusedBytes += event.reusedBytes;
  const file = state.files.get(event.file);
  if (file?.phase !== 'receiving' || file.version !== event.version || file.chunks.has(event.index)) {
    state.settledBytes += windowBytes;
    return;
  }
  file.chunks.written(event.index, event.hash);
  const { file: number, version, index, bytes } = event;
  state.unflushed.push({ file: number, version, index, bytes, windowBytes });
  state.unflushedBytes += windowBytes;
  endIfWhole(state, file, effects);
}

/**
 * Small files are complete once they are written. They are neither flushed on the way nor called durable before they are
 * in place: their finishing batch does all that.
 */
function packWritten(state: SinkState, { files, direct }: Extract<SinkEvent, { kind: 'packWritten' }>): void {
  for (const { file: index, bytes, hash } of files) {
    if (!direct) state.receivedBytes += bytes;
    const file = state.files.get(index);
    if (file?.phase !== 'receiving' || file.version !== 0 || file.chunks.has(0)) {
      if (!direct) state.settledBytes += bytes;
      continue;
    }
    file.chunks.written(0, hash);
    if (!direct) file.finishingBytes = bytes;
    complete(state, file);
  }
}

/** They are never counted twice: the file is credited with its planned size at most. */
function directPart(state: SinkState, event: Extract<SinkEvent, { kind: 'directPart' }>): void {
  const file = state.files.get(event.file);
  if (file?.phase === 'receiving') credit(state, file, event.bytes);
}

function copied(state: SinkState, index: number): void {
  const file = state.files.get(index);
  if (file?.phase !== 'receiving') return;
  file.chunks.compared();
  complete(state, file);
}

function chunkBad(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'chunkBad' }>,
  effects: SinkEffect[],
): void {
  state.receivedBytes += event.bytes;
  state.settledBytes += event.bytes;
  const file = state.files.get(event.file);
  if (file?.phase !== 'receiving' || file.version !== event.version) return;
  retryChunks(state, file, [event.index], event.stage, effects);
}

/** No retry is counted: the source sends a chunk as a patch once only. */
function patchFailed(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'patchFailed' }>,
  effects: SinkEffect[],
): void {
  state.settledBytes += event.bytes;
  const file = state.files.get(event.file);
  if (file?.phase !== 'receiving' || file.version !== event.version || file.chunks.has(event.index)) return;
  const { file: index, index: chunk } = event;
  effects.push({
    kind: 'send',
    message: { t: 'reject', file: index, index: chunk, stage: 'destinationRead' },
  });
}

function retryChunks(
  state: SinkState,
  file: SinkFile,
  indexes: readonly number[],
  stage: 'link' | 'verify',
  effects: SinkEffect[],
): void {
  file.retries += 1;
  if (file.retries > LIMITS.chunkRetriesMax.value) {
    const message = `${file.entry.path} did not match what was read, ${file.retries} times, last at chunk ${indexes[0]} (stage ${stage})`;
    fileFailed(
      state,
      { kind: 'fileFailed', file: file.index, code: 'CW_COPY_VERIFY', message, tellSource: true },
      effects,
    );
    return;
  }
  askAgain(file, indexes, stage, effects);
}

function askAgain(
  file: SinkFile,
  indexes: readonly number[],
  stage: 'link' | 'verify',
  effects: SinkEffect[],
): void {
  file.root = null;
  for (const index of indexes) {
    file.chunks.lost(index);
    effects.push({ kind: 'send', message: { t: 'reject', file: file.index, index, stage } });
  }
}

function fileEnd(state: SinkState, index: number, root: Uint8Array, effects: SinkEffect[]): void {
  const file = state.files.want(index);
  if (file?.phase !== 'receiving') return;
  file.root = root;
  endIfWhole(state, file, effects);
}

/** A file is at its end once every chunk is there, every claim was looked at, and the source has told its root. */
function endIfWhole(state: SinkState, file: SinkFile, effects: SinkEffect[]): void {
  if (file.chunks.missing > 0 || file.chunks.claimed > 0 || file.root === null) return;
  if (equalBytes(file.chunks.root(), file.root)) complete(state, file);
  else rootMismatch(state, file, effects);
}

function rootMismatch(state: SinkState, file: SinkFile, effects: SinkEffect[]): void {
  const all = Array.from({ length: file.chunks.count }, (_, index) => index);
  retryChunks(state, file, all, 'verify', effects);
}

function complete(state: SinkState, file: SinkFile): void {
  state.complete.push(file.index);
  state.completeBytes += file.entry.sizeBytes;
  state.finishing += 1;
  file.phase = 'finishing';
}

function fileChanged(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'fileChanged' }>,
  effects: SinkEffect[],
): void {
  const file = state.files.want(event.file);
  if (!file) return;
  if (file.phase !== 'receiving') {
    throw new CausewayError(
      'CW_WIRE_MALFORMED',
      `the source changed ${file.entry.path} after it had ended it`,
    );
  }
  file.entry = { ...event.entry, path: file.entry.path };
  file.version = event.version;
  file.root = null;
  file.chunks = new ChunkMap(chunkCount(file.entry.sizeBytes, state.chunkBytes));
  effects.push({ kind: 'drop', file, restart: true });
}

function fileFailed(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'fileFailed' }>,
  effects: SinkEffect[],
): void {
  const file = state.files.want(event.file);
  if (!file) return;
  if (file.phase === 'finishing') state.finishing -= 1;
  file.phase = 'failed';
  state.files.end(file);
  settle(state, file);
  state.open -= 1;
  const problem = { path: file.entry.path, code: event.code, message: event.message };
  noteProblem(state, problem);
  effects.push({ kind: 'drop', file, restart: false });
  if (event.tellSource) effects.push({ kind: 'send', message: { t: 'problem', problem, file: file.index } });
}

function flushed(state: SinkState): void {
  for (const mark of state.flushing ?? []) {
    state.settledBytes += mark.windowBytes;
    const file = state.files.get(mark.file);
    if (!file || file.version !== mark.version) continue;
    if (!file.chunks.has(mark.index)) continue;
    file.chunks.durable(mark.index);
    credit(state, file, mark.bytes);
  }
  state.flushing = null;
}

/** Bytes that wait for their finishing batch are settled with its end, however it ends. */
function settle(state: SinkState, file: SinkFile): void {
  state.settledBytes += file.finishingBytes;
  file.finishingBytes = 0;
}

function published(state: SinkState, files: readonly number[]): void {
  for (const index of files) {
    const file = state.files.get(index);
    if (file !== undefined) settle(state, file);
    if (file?.phase !== 'finishing') continue;
    inPlace(state, file);
    // The source waits for word of what it sends, which an empty file is not unless it was none before.
    if (file.plannedBytes > 0 || file.version > 0) state.justPublished.push(index);
  }
}

function unpublished(state: SinkState, index: number, outcome: FailedFinish, effects: SinkEffect[]): void {
  const file = state.files.get(index);
  if (file !== undefined) settle(state, file);
  if (file?.phase !== 'finishing') return;
  state.finishing -= 1;
  file.phase = 'receiving';
  if (outcome.kind === 'bad') return retryChunks(state, file, outcome.indexes, 'verify', effects);
  fileFailed(state, { ...outcome, kind: 'fileFailed', file: index, tellSource: true }, effects);
}

function batchDone(state: SinkState, effects: SinkEffect[]): void {
  state.batches -= 1;
  while (state.justPublished.length > 0) {
    const files = state.justPublished.splice(0, LIMITS.manifestPageEntries.value);
    effects.push({ kind: 'send', message: { t: 'published', files } });
  }
}

/** Lists an entry that could not be copied; from a number on they are only counted. */
export function noteProblem(state: SinkState, problem: Problem): void {
  state.problemCount += 1;
  if (state.problems.length < LIMITS.problemsListMax.value) state.problems.push(problem);
}

/** Counts `bytes` of a file as durable, never more than was planned for it, so that the percentage neither falls nor passes 100. */
function credit(state: SinkState, file: SinkFile, bytes: number): void {
  const added = Math.min(bytes, file.plannedBytes - file.creditedBytes);
  file.creditedBytes += added;
  state.durableBytes += added;
}

function startFlush(state: SinkState, due: boolean, effects: SinkEffect[]): void {
  if (state.flushing !== null || state.unflushed.length === 0) return;
  if (!due && state.unflushedBytes < LIMITS.unflushedMaxBytes.value) return;
  state.flushing = state.unflushed;
  state.unflushed = [];
  state.unflushedBytes = 0;
  effects.push({ kind: 'flush', marks: state.flushing });
}

/**
 * A batch costs a flush and a record for undo, whatever is in it: small ones wait until there are more files, until nothing
 * else is on its way, or until the next `tick`.
 */
function startBatches(state: SinkState, due: boolean, effects: SinkEffect[]): void {
  while (state.batches < LIMITS.publishBatchesMax.value && (due || isBatchWorthIt(state))) {
    const files = takeComplete(state);
    if (state.planComplete) addEmptyFiles(state, files);
    if (files.length === 0) return;
    state.batches += 1;
    takeMarks(state, files);
    effects.push({ kind: 'finish', files });
  }
}

function isBatchWorthIt(state: SinkState): boolean {
  const { complete, completeBytes, planComplete, finishing, open, emptyCursor, files } = state;
  return (
    complete.length === 0 || // only empty files may be in it, which have nothing to wait for
    complete.length >= LIMITS.publishBatchMinFiles.value ||
    completeBytes >= LIMITS.publishBatchMinBytes.value ||
    (planComplete && (finishing === open || emptyCursor < files.plan.entries))
  );
}

/** The next complete files, without those that were given up while they waited. */
function takeComplete(state: SinkState): number[] {
  const files: number[] = [];
  while (state.complete.length > 0 && files.length === 0) {
    const next = state.complete.splice(0, LIMITS.publishBatchFiles.value);
    files.push(...next.filter((index) => state.files.get(index) !== undefined));
  }
  if (state.complete.length === 0) state.completeBytes = 0;
  return files;
}

/**
 * Fills a batch up with empty files: they have nothing to wait for. Their root is the one of no chunks. They come from few
 * pages of the plan, since each costs the time to decode it.
 */
function addEmptyFiles(state: SinkState, batch: number[]): void {
  const { plan } = state.files;
  const pages = new Set<number>();
  while (batch.length < LIMITS.publishBatchFiles.value) {
    const index = plan.find(MARK.emptyFile, state.emptyCursor);
    if (index < 0) {
      state.emptyCursor = plan.entries;
      return;
    }
    if (pages.add(plan.pageOf(index)).size > LIMITS.planPagesCached.value) return;
    state.emptyCursor = index + 1;
    const file = state.files.want(index)!;
    file.root = file.chunks.root();
    file.isPacked = true; // nothing of it is looked for
    file.phase = 'finishing';
    state.finishing += 1;
    batch.push(index);
  }
}

/** The finishing step flushes these files itself: their marks leave the flush window and settle once it is done. */
function takeMarks(state: SinkState, files: readonly number[]): void {
  const batch = new Set(files);
  const stay = state.unflushed.filter((mark) => !batch.has(mark.file));
  for (const mark of state.unflushed) {
    if (!batch.has(mark.file)) continue;
    state.unflushedBytes -= mark.windowBytes;
    state.files.get(mark.file)!.finishingBytes += mark.windowBytes;
  }
  state.unflushed = stay;
}
