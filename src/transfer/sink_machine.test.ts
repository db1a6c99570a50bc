import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath } from '../base/path.ts';
import { encodePlan } from '../wire/copy_messages.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { NO_COMPRESSION } from '../world/compression.ts';
import { ChunkMap } from './chunk_map.ts';
import { PlanSpool } from './plan_spool.ts';
import { stepSink } from './sink_machine.ts';
import { SinkPlan } from './sink_plan.ts';
import { newSinkState, type SinkEffect, type SinkEvent, type SinkState } from './sink_state.ts';

const CHUNK = 65_536;
const hash = (n: number) => hashBytes(new Uint8Array([n]));

function entry(path: string, sizeBytes: number): PlanEntry {
  return { path, kind: 'file', sizeBytes, mode: 0o644, mtimeNs: 1n, ctimeNs: 1n, inode: '1', linkTarget: '' };
}

function planOf(entries: readonly PlanEntry[]): SinkPlan {
  const plan = new SinkPlan(new PlanSpool(NO_COMPRESSION), (planned) => parseRelPath(planned.path));
  for (let at = 0; at < entries.length; at += LIMITS.manifestPageEntries.value) {
    const page = entries.slice(at, at + LIMITS.manifestPageEntries.value);
    plan.add(encodePlan(page));
  }
  return plan;
}

function begin(sizes: readonly number[]): { state: SinkState; step: (event: SinkEvent) => SinkEffect[] } {
  const plan = planOf(sizes.map((size, index) => entry(`f${index}`, size)));
  const state = newSinkState(CHUNK, plan);
  const step = (event: SinkEvent) => stepSink(state, event);
  step({ kind: 'planned', files: sizes.length });
  return { state, step: (event) => step(arriving(state, event)) };
}

/** A lane asks for the file before it tells of bytes of it. */
function arriving(state: SinkState, event: SinkEvent): SinkEvent {
  if (event.kind === 'chunkWritten' || event.kind === 'chunkBad') state.files.want(event.file);
  if (event.kind === 'packWritten') for (const { file } of event.files) state.files.want(file);
  return event;
}

const written = (file: number, index: number, bytes = CHUNK): SinkEvent => ({
  kind: 'chunkWritten',
  file,
  version: 0,
  index,
  bytes,
  reusedBytes: 0,
  zeros: false,
  hash: hash(index),
});

function rootOf(count: number): Uint8Array {
  const map = new ChunkMap(count);
  for (let index = 0; index < count; index += 1) map.written(index, hash(index));
  return map.root();
}

test('a file is finished only when every chunk is written and the root of the source matches', () => {
  const { step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  assert.deepEqual(step(written(0, 0)), []);
  assert.deepEqual(step(written(0, 1)), []);
  assert.deepEqual(step({ kind: 'fileEnd', file: 0, root: rootOf(2) }), [{ kind: 'finish', files: [0] }]);
});

test('the end of a file may come before its last chunk', () => {
  const { step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 1));
  assert.deepEqual(step({ kind: 'fileEnd', file: 0, root: rootOf(2) }), []);
  assert.deepEqual(step(written(0, 0)), [{ kind: 'finish', files: [0] }]);
});

test('a root that does not match asks for every chunk again', () => {
  const { step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 0));
  step(written(0, 1));
  const effects = step({ kind: 'fileEnd', file: 0, root: rootOf(1) });
  assert.deepEqual(
    effects.map((effect) => effect.kind === 'send' && effect.message.t),
    ['reject', 'reject'],
  );
});

test('bytes count as durable only after the flush that began after they were written', () => {
  const { state, step } = begin([4 * CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 0));
  const flush = step({ kind: 'tick' });
  assert.equal(flush[0]?.kind, 'flush');
  step(written(0, 1));
  assert.equal(state.durableBytes, 0);
  step({ kind: 'flushed' });
  assert.equal(state.durableBytes, CHUNK);
  assert.equal(state.settledBytes, CHUNK);
});

test('a chunk that fails its hash is asked for again, a limited number of times, then the file is given up', () => {
  const { state, step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  const bad: SinkEvent = { kind: 'chunkBad', file: 0, version: 0, index: 0, bytes: CHUNK, stage: 'link' };
  for (let at = 0; at < LIMITS.chunkRetriesMax.value; at += 1) {
    assert.deepEqual(step(bad), [
      { kind: 'send', message: { t: 'reject', file: 0, index: 0, stage: 'link' } },
    ]);
  }
  const kinds = step(bad).map((effect) => (effect.kind === 'send' ? effect.message.t : effect.kind));
  assert.deepEqual(kinds, ['drop', 'problem', 'finalize']);
  assert.equal(state.problems[0]?.code, 'CW_COPY_VERIFY');
});

test('a chunk that reads back wrong is lost and asked for again', () => {
  const { state, step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 0));
  step(written(0, 1));
  step({ kind: 'fileEnd', file: 0, root: rootOf(2) });
  const effects = step({ kind: 'unpublished', file: 0, outcome: { kind: 'bad', indexes: [1] } });
  assert.deepEqual(effects, [{ kind: 'send', message: { t: 'reject', file: 0, index: 1, stage: 'verify' } }]);
  step({ kind: 'batchDone' });
  step(written(0, 1));
  assert.deepEqual(step({ kind: 'fileEnd', file: 0, root: rootOf(2) }), [{ kind: 'finish', files: [0] }]);
  step({ kind: 'published', files: [0] });
  assert.deepEqual(step({ kind: 'batchDone' }), [
    { kind: 'send', message: { t: 'published', files: [0] } },
    { kind: 'finalize' },
  ]);
  assert.equal(state.durableBytes, 2 * CHUNK);
});

test('a changed file starts again, keeps the planned denominator, and late chunks of the old version are ignored', () => {
  const { state, step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 0));
  const effects = step({ kind: 'fileChanged', file: 0, version: 1, entry: entry('f0', 3 * CHUNK) });
  const [drop] = effects;
  assert.ok(effects.length === 1 && drop?.kind === 'drop');
  assert.deepEqual([drop.file.index, drop.file.version, drop.restart], [0, 1, true]);
  step(written(0, 1));
  assert.equal(state.files.get(0)?.chunks.missing, 3);
  for (let index = 0; index < 3; index += 1) {
    step({
      kind: 'chunkWritten',
      file: 0,
      version: 1,
      index,
      bytes: CHUNK,
      reusedBytes: 0,
      zeros: false,
      hash: hash(index),
    });
  }
  step({ kind: 'fileEnd', file: 0, root: rootOf(3) });
  step({ kind: 'published', files: [0] });
  assert.equal(state.durableBytes, 2 * CHUNK);
});

test('an empty file and a copy without files need no byte', () => {
  assert.deepEqual(begin([0]).step({ kind: 'planEnd' }), [{ kind: 'finish', files: [0] }]);
  assert.deepEqual(begin([]).step({ kind: 'planEnd' }), [{ kind: 'finalize' }]);
});

test('every received byte settles once, whatever becomes of it', () => {
  const { state, step } = begin([2 * CHUNK, CHUNK]);
  step({ kind: 'planEnd' });
  step(written(0, 0));
  step(written(0, 0));
  step({ kind: 'chunkBad', file: 0, version: 0, index: 1, bytes: CHUNK, stage: 'link' });
  step({ kind: 'packWritten', files: [{ file: 1, bytes: CHUNK, hash: hash(0) }] });
  step({ kind: 'published', files: [1] });
  step({ kind: 'batchDone' });
  step({ kind: 'tick' });
  step({ kind: 'flushed' });
  assert.equal(state.receivedBytes, 4 * CHUNK);
  assert.equal(state.settledBytes, 4 * CHUNK);
});

test('small files of a pack are finished together and count as durable once they are in place', () => {
  const { state, step } = begin([100, 200, 2 * CHUNK]);
  step({ kind: 'planEnd' });
  const pack = [0, 1].map((file) => ({ file, bytes: 100 * (file + 1), hash: hash(file) }));
  assert.deepEqual(step({ kind: 'packWritten', files: pack }), []);
  assert.deepEqual(step({ kind: 'tick' }), [{ kind: 'finish', files: [0, 1] }]);
  assert.deepEqual([state.receivedBytes, state.settledBytes, state.durableBytes], [300, 0, 0]);
  step({ kind: 'published', files: [0] });
  const effects = step({ kind: 'unpublished', file: 1, outcome: { kind: 'bad', indexes: [0] } });
  assert.deepEqual(effects, [{ kind: 'send', message: { t: 'reject', file: 1, index: 0, stage: 'verify' } }]);
  assert.deepEqual([state.settledBytes, state.durableBytes], [300, 100]);
  step({ kind: 'batchDone' });
  step(written(1, 0, 200));
  const root = new ChunkMap(1);
  root.written(0, hash(0));
  assert.deepEqual(step({ kind: 'fileEnd', file: 1, root: root.root() }), []);
  assert.deepEqual(step({ kind: 'tick' }).at(-1), { kind: 'finish', files: [1] });
  // what comes twice settles and changes nothing
  assert.deepEqual(step({ kind: 'packWritten', files: pack }), []);
  assert.equal(state.settledBytes, 600);
});

test('a file is there as an object from its first byte to its end, and what comes later is ignored', () => {
  const { state, step } = begin([100, 0, 3 * CHUNK]);
  assert.equal(state.files.begun, 0);
  assert.deepEqual(step({ kind: 'planEnd' }), [{ kind: 'finish', files: [1] }]);
  step({ kind: 'published', files: [1] });
  // nobody waits for word of an empty file
  assert.deepEqual(step({ kind: 'batchDone' }), []);
  step({ kind: 'packWritten', files: [{ file: 0, bytes: 100, hash: hash(0) }] });
  assert.deepEqual(step({ kind: 'tick' }), [{ kind: 'finish', files: [0] }]);
  step(written(2, 0));
  assert.equal(state.files.begun, 2);
  step({ kind: 'published', files: [0] });
  const message = 'it is gone';
  step({ kind: 'fileFailed', file: 2, code: 'CW_DISK_NOT_FOUND', message, tellSource: false });
  assert.equal(state.files.begun, 0);
  assert.equal(state.files.want(0), undefined);
  assert.equal(state.files.want(2), undefined);
  const kinds = step({ kind: 'batchDone' }).map((effect) => effect.kind);
  assert.deepEqual(kinds, ['send', 'finalize']);
  assert.equal(step({ kind: 'tick' })[0]?.kind, 'flush');
  step({ kind: 'flushed' });
  assert.deepEqual([state.receivedBytes, state.settledBytes], [100 + CHUNK, 100 + CHUNK]);
  assert.deepEqual([state.doneEntries, state.problemCount], [2, 1]);
});

test('a complete file that is given up while it waits is not finished, and its bytes settle', () => {
  const { state, step } = begin([100, 100, 100, 100]);
  step({ kind: 'planEnd' });
  const arrive = (file: number) =>
    step({ kind: 'packWritten', files: [{ file, bytes: 100, hash: hash(file) }] });
  const tick = () => step({ kind: 'tick' })[0]?.kind;
  assert.deepEqual([arrive(0), tick(), arrive(1), tick()], [[], 'finish', [], 'finish']);
  assert.deepEqual([...arrive(2), ...arrive(3)], []);
  step({ kind: 'fileFailed', file: 2, code: 'CW_DISK_IO', message: 'bad', tellSource: false });
  assert.equal(state.settledBytes, 100);
  step({ kind: 'published', files: [0] });
  assert.deepEqual(step({ kind: 'batchDone' }).at(-1), { kind: 'finish', files: [3] });
});

test('complete files wait for more of them, but not where nothing else is on its way', () => {
  const many = LIMITS.publishBatchMinFiles.value;
  const { step } = begin(Array.from({ length: many + 4 }, () => 100));
  const arrive = (from: number, to: number) =>
    step({
      kind: 'packWritten',
      files: Array.from({ length: to - from }, (_, at) => ({ file: from + at, bytes: 100, hash: hash(0) })),
    });
  const sizesOf = (effects: readonly SinkEffect[]) =>
    effects.map((effect) => (effect.kind === 'finish' ? effect.files.length : effect.kind));
  step({ kind: 'planEnd' });
  assert.deepEqual(sizesOf(arrive(0, many - 1)), []);
  assert.deepEqual(sizesOf(arrive(many - 1, many)), [many]);
  assert.deepEqual(sizesOf(arrive(many, many + 2)), []);
  const gone = { kind: 'fileFailed', code: 'CW_DISK_NOT_FOUND', message: 'gone', tellSource: false } as const;
  assert.deepEqual(sizesOf(step({ ...gone, file: many + 2 })), ['drop']);
  assert.deepEqual(sizesOf(step({ ...gone, file: many + 3 })), ['drop', 2]);
});

test('few large files that are complete wait for no others', () => {
  const sizeBytes = LIMITS.publishBatchMinBytes.value;
  const { step } = begin([sizeBytes, sizeBytes]);
  step({ kind: 'planEnd' });
  const count = sizeBytes / CHUNK;
  for (let index = 0; index < count; index += 1) step(written(0, index));
  const effects = step({ kind: 'fileEnd', file: 0, root: rootOf(count) });
  assert.deepEqual(effects.at(-1), { kind: 'finish', files: [0] });
});

test('empty files fill up batches from few pages of the plan at a time, and all of them come', () => {
  const pages = LIMITS.planPagesCached.value + 3;
  const perPage = LIMITS.manifestPageEntries.value;
  const { state, step } = begin(Array.from({ length: pages * perPage }, (_, at) => (at % perPage ? 9 : 0)));
  const finished: number[] = [];
  for (let effects = step({ kind: 'planEnd' }); effects.length > 0; ) {
    const batches = effects.flatMap((effect) => (effect.kind === 'finish' ? [effect.files] : []));
    effects = [];
    for (const files of batches) {
      assert.ok(files.length <= LIMITS.planPagesCached.value);
      finished.push(...files);
      step({ kind: 'published', files });
      effects.push(...step({ kind: 'batchDone' }));
    }
  }
  assert.deepEqual(
    finished,
    Array.from({ length: pages }, (_, page) => page * perPage),
  );
  assert.equal(state.files.begun, 0);
});

test('zeros count as durable as other bytes, take little of the window, and were not received', () => {
  const { state, step } = begin([2 * CHUNK]);
  step({ kind: 'planEnd' });
  const zeros = {
    kind: 'chunkWritten',
    file: 0,
    version: 0,
    bytes: CHUNK,
    reusedBytes: 0,
    zeros: true,
  } as const;
  step({ ...zeros, index: 0, hash: hash(0) });
  step({ ...zeros, index: 0, hash: hash(0) });
  step({ kind: 'chunkIgnored', bytes: 100, zeros: true });
  const each = LIMITS.zeroChunkWindowBytes.value;
  assert.deepEqual([state.receivedBytes, state.settledBytes, state.zeroBytes], [0, each + 100, 2 * CHUNK]);
  step({ kind: 'tick' });
  step({ kind: 'flushed' });
  assert.deepEqual([state.durableBytes, state.settledBytes], [CHUNK, 2 * each + 100]);
  step({ ...zeros, index: 1, hash: hash(1) });
  step({ kind: 'fileEnd', file: 0, root: rootOf(2) });
  step({ kind: 'published', files: [0] });
  assert.deepEqual([state.durableBytes, state.settledBytes], [2 * CHUNK, 3 * each + 100]);
});

test('what an earlier attempt claims counts once it was looked at, and what is not so is asked for again', () => {
  const { state, step } = begin([3 * CHUNK]);
  state.files.want(0);
  for (const index of [0, 1]) step({ kind: 'claimed', file: 0, index, hash: hash(index) });
  step({ kind: 'planEnd' });
  assert.equal(state.durableBytes, 0);
  step({ kind: 'fileEnd', file: 0, root: rootOf(3) });
  assert.deepEqual(step(written(0, 2)), [], 'nothing is finished before its claims were looked at');
  assert.deepEqual(step({ kind: 'looked', file: 0, version: 0, good: [0], bad: [1] }), [
    { kind: 'send', message: { t: 'reject', file: 0, index: 1, stage: 'verify' } },
  ]);
  assert.deepEqual([state.durableBytes, state.recoveredBytes], [CHUNK, CHUNK]);
  assert.equal(state.files.get(0)!.retries, 0, 'it is not the fault of the link');
  step(written(0, 1));
  assert.deepEqual(step({ kind: 'fileEnd', file: 0, root: rootOf(3) }), [{ kind: 'finish', files: [0] }]);
  assert.equal(state.files.get(0)!.chunks.isChecked(0), true);
});

test('a late look at claims of an older version of the file changes nothing', () => {
  const { state, step } = begin([2 * CHUNK]);
  state.files.want(0);
  step({ kind: 'claimed', file: 0, index: 0, hash: hash(0) });
  step({ kind: 'fileChanged', file: 0, version: 1, entry: entry('f0', 2 * CHUNK) });
  assert.deepEqual(step({ kind: 'looked', file: 0, version: 0, good: [0], bad: [] }), []);
  assert.deepEqual([state.durableBytes, state.files.get(0)!.chunks.missing], [0, 2]);
});

test('what the sink copied by itself was not received, is credited once, and has no chunk to wait for', () => {
  const { state, step } = begin([2 * CHUNK, 100]);
  step({ kind: 'planEnd' });
  state.files.want(0);
  state.files.want(1);
  step({ kind: 'directPart', file: 0, bytes: CHUNK });
  assert.deepEqual([state.durableBytes, state.receivedBytes], [CHUNK, 0]);
  step({ kind: 'packWritten', files: [{ file: 1, bytes: 100, hash: hash(1) }], direct: true });
  step({ kind: 'directPart', file: 0, bytes: CHUNK });
  assert.deepEqual(step({ kind: 'copied', file: 0 }).at(-1), { kind: 'finish', files: [1, 0] });
  assert.ok(state.files.get(0)!.chunks.isChecked(0) && state.files.get(0)!.chunks.isChecked(1));
  step({ kind: 'published', files: [0, 1] });
  const effects = step({ kind: 'batchDone' });
  assert.deepEqual(effects.at(-1), { kind: 'finalize' });
  assert.deepEqual([state.durableBytes, state.receivedBytes, state.settledBytes], [2 * CHUNK + 100, 0, 0]);
  step({ kind: 'copied', file: 0 }); // it is at its end
  assert.equal(state.doneEntries, 2);
});
