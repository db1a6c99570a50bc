import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { encodePlan } from '../wire/copy_messages.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { NO_COMPRESSION } from '../world/compression.ts';
import { PlanSpool } from './plan_spool.ts';
import { SourceMachine, type SourceWork } from './source_machine.ts';

const CHUNK = 65_536;
const SOME_HASH = hashBytes(new Uint8Array());

function entry(path: string, sizeBytes: number): PlanEntry {
  return { path, kind: 'file', sizeBytes, mode: 0o644, mtimeNs: 1n, ctimeNs: 1n, inode: '1', linkTarget: '' };
}

function plannedOf(entries: readonly PlanEntry[], chunkBytes = CHUNK): SourceMachine {
  const machine = new SourceMachine(chunkBytes, new PlanSpool(NO_COMPRESSION));
  for (let at = 0; at < entries.length; at += LIMITS.manifestPageEntries.value) {
    const page = entries.slice(at, at + LIMITS.manifestPageEntries.value);
    machine.planned(encodePlan(page));
  }
  return machine;
}

function machineOf(sizes: readonly number[], chunkBytes = CHUNK): SourceMachine {
  const machine = plannedOf(
    sizes.map((size, index) => entry(`f${index}`, size)),
    chunkBytes,
  );
  machine.start();
  return machine;
}

function describe(work: SourceWork | null): string {
  if (work === null) return 'none';
  return work.kind === 'pack'
    ? `pack ${work.files.map((file) => file.index)}`
    : `chunk ${work.file.index}/${work.index}`;
}

function send(machine: SourceMachine): string {
  const work = machine.next();
  if (work?.kind === 'chunk') machine.chunkSent(work.file, work.version, work.index, SOME_HASH);
  return describe(work);
}

test('files go in the order of the plan, small ones packed, large ones chunk by chunk, empty ones not at all', () => {
  const machine = machineOf([10, 20, 0, 3 * CHUNK, 30]);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => send(machine)),
    ['pack 0,1', 'chunk 3/0', 'chunk 3/1', 'chunk 3/2', 'pack 4', 'none'],
  );
});

test('what the sink has is not sent; a file that is all there is ended at once', () => {
  const machine = plannedOf([entry('a', 3 * CHUNK), entry('b', 2 * CHUNK), entry('c', 10)]);
  machine.have(0, 1, SOME_HASH);
  machine.have(1, 0, SOME_HASH);
  machine.have(1, 1, SOME_HASH);
  machine.skip(2);
  assert.deepEqual(
    machine.start().map((file) => file.index),
    [1],
  );
  assert.deepEqual(
    [1, 2, 3].map(() => send(machine)),
    ['chunk 0/0', 'chunk 0/2', 'none'],
  );
});

test('no more than the send window is in flight', () => {
  const machine = machineOf([100 * 1024 * 1024], 1024 * 1024);
  let sent = 0;
  while (machine.next() !== null) sent += 1024 * 1024;
  assert.equal(sent, LIMITS.sendWindowMaxBytes.value);
  machine.settled(1024 * 1024);
  assert.equal(describe(machine.next()), 'chunk 0/48');
  // a window that has become smaller stops it until that much has arrived
  machine.windowBytes = 4 * 1024 * 1024;
  machine.settled(45 * 1024 * 1024);
  assert.equal(machine.next(), null);
  machine.settled(46 * 1024 * 1024);
  assert.equal(describe(machine.next()), 'chunk 0/49');
});

test('a rejected chunk goes before everything else, and the file is ended again', () => {
  const machine = machineOf([2 * CHUNK, 2 * CHUNK]);
  assert.equal(send(machine), 'chunk 0/0');
  assert.equal(send(machine), 'chunk 0/1');
  assert.equal(machine.files.get(0)?.phase, 'ending');
  machine.rejected(0, 0);
  assert.equal(send(machine), 'chunk 0/0');
  assert.equal(machine.files.get(0)?.phase, 'ending');
  assert.equal(machine.resentBytes, CHUNK);
  assert.equal(send(machine), 'chunk 1/0');
});

test('a changed file waits for the sink, then is sent whole in its new version, a limited number of times', () => {
  const machine = machineOf([2 * CHUNK]);
  send(machine);
  const file = machine.files.get(0)!;
  assert.equal(machine.changed(file, entry('other', 3 * CHUNK)), true);
  assert.equal(file.entry.path, 'f0');
  assert.equal(send(machine), 'none');
  machine.restarted(0, 1);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => send(machine)),
    ['chunk 0/0', 'chunk 0/1', 'chunk 0/2', 'none'],
  );
  for (let at = 1; at < LIMITS.sourceChangedRetriesMax.value; at += 1)
    assert.equal(machine.changed(file, file.entry), true);
  assert.equal(machine.changed(file, file.entry), false);
});

test('the hash of an old version is not taken for the new one', () => {
  const machine = machineOf([2 * CHUNK]);
  const work = machine.next();
  assert.ok(work?.kind === 'chunk');
  machine.changed(work.file, work.file.entry);
  assert.equal(machine.chunkSent(work.file, work.version, work.index, SOME_HASH), 'more');
  assert.equal(work.file.chunks.missing, 2);
});

test('work that is not sent after all leaves the window', () => {
  const machine = machineOf([2 * CHUNK]);
  const work = machine.next();
  machine.unsent(work!.bytes);
  assert.equal(machine.inFlightBytes, 0);
});

test('files exist while they are under way only, and not more of them than the window has room for', () => {
  const window = LIMITS.sendWindowMaxFiles.value;
  const machine = machineOf(Array.from({ length: window + 1_000 }, () => 1));
  const sent: number[] = [];
  const sendAll = () => {
    for (let work = machine.next(); work !== null; work = machine.next()) {
      assert.ok(work.kind === 'pack');
      sent.push(...work.files.map((file) => file.index));
    }
  };
  sendAll();
  assert.equal(sent.length, window);
  assert.equal(machine.files.size, window);
  for (const file of [...machine.files.values()]) machine.sentWhole(file);
  assert.equal(machine.files.size, 0);
  assert.equal(machine.next(), null, 'what is on its way counts');
  for (let index = 0; index < 700; index += 1) machine.done(index);
  sendAll();
  assert.equal(sent.length, window + 700);
  for (let index = 0; index < window + 1_000; index += 1) machine.done(index);
  sendAll();
  assert.equal(machine.files.size, 0);
  assert.deepEqual(
    sent,
    Array.from({ length: window + 700 }, (_, at) => at),
  );
});

test('what the sink has a part of takes no place in the window before its turn', () => {
  const window = LIMITS.sendWindowMaxFiles.value;
  const machine = plannedOf([
    ...Array.from({ length: window }, (_, at) => entry(`small${at}`, 1)),
    entry('late', 3 * CHUNK),
  ]);
  machine.have(window, 0, SOME_HASH);
  machine.start();
  let files = 0;
  for (let work = machine.next(); work?.kind === 'pack'; work = machine.next()) files += work.files.length;
  assert.equal(files, window);
  machine.done(0);
  assert.equal(send(machine), `chunk ${window}/1`);
});

test('a file that went whole and is asked for again goes as a chunk, once, and is ended', () => {
  const machine = machineOf([100, 200]);
  const work = machine.next();
  assert.ok(work?.kind === 'pack');
  for (const file of work.files) machine.sentWhole(file);
  machine.rejected(1, 0);
  machine.rejected(1, 7);
  assert.equal(send(machine), 'chunk 1/0');
  assert.equal(machine.files.get(1)?.phase, 'ending');
  assert.equal(send(machine), 'none');
  machine.done(0);
  machine.done(1);
  machine.rejected(0, 0);
  assert.equal(machine.files.size, 0);
  assert.equal(send(machine), 'none');
});

test('a chunk of zeros takes little of the window and none of what was sent; one that was refused goes as it is', () => {
  const machine = machineOf([3 * CHUNK]);
  const first = machine.next();
  assert.ok(first?.kind === 'chunk' && !first.again);
  machine.zeros(CHUNK);
  machine.chunkSent(first.file, 0, 0, SOME_HASH);
  const each = LIMITS.zeroChunkWindowBytes.value;
  assert.deepEqual([machine.sentBytes, machine.inFlightBytes, machine.zeroBytes], [0, each, CHUNK]);
  send(machine);
  assert.deepEqual([machine.sentBytes, machine.inFlightBytes], [CHUNK, CHUNK + each]);
  machine.rejected(0, 0);
  const again = machine.next();
  assert.ok(again?.kind === 'chunk' && again.index === 0 && again.again);
});

test('a small file with holes goes as a chunk, which can tell of them', () => {
  const machine = plannedOf([entry('plain', 100), { ...entry('sparse', 60_000), dataBytes: 4096 }]);
  machine.start();
  assert.deepEqual([send(machine), send(machine), send(machine)], ['pack 0', 'chunk 1/0', 'none']);
});

test('chunks that follow each other in a file go together, as long as nothing else goes first', () => {
  const machine = plannedOf([entry('a', 6 * CHUNK), entry('b', 10)]);
  machine.have(0, 4, SOME_HASH);
  machine.start();
  const chunk = () => {
    const work = machine.next();
    assert.ok(work?.kind === 'chunk');
    return work;
  };
  const first = chunk();
  const second = machine.following(first)!;
  assert.equal(describe(second), 'chunk 0/1');
  assert.equal(machine.following(first), null, 'it was taken already');
  const third = chunk();
  assert.equal(describe(third), 'chunk 0/2');
  assert.equal(machine.following(second), null, 'another lane has it');
  machine.rejected(0, 0);
  assert.equal(machine.following(third), null, 'a refused chunk goes first');
  const again = chunk();
  assert.deepEqual([describe(again), again.again], ['chunk 0/0', true]);
  assert.equal(machine.following(again), null, 'and goes alone');
  const fourth = chunk();
  assert.equal(describe(fourth), 'chunk 0/3');
  assert.equal(machine.following(fourth), null, 'the next one is there');
  const last = chunk();
  assert.equal(describe(last), 'chunk 0/5');
  assert.equal(machine.following(last), null, 'the file ends');
  assert.equal(machine.inFlightBytes, 6 * CHUNK, 'five chunks, one of them twice');
});

test('chunks go one by one while less than usual may be under way', () => {
  const machine = machineOf([6 * CHUNK]);
  machine.windowBytes = LIMITS.sendWindowTightBytes.value;
  const first = machine.next();
  assert.ok(first?.kind === 'chunk');
  assert.equal(machine.following(first), null);
});

test('what the sink copies by itself is not sent, unless it gives it back or wants it after all', () => {
  const machine = plannedOf(Array.from({ length: 5 }, (_, at) => entry(`f${at}`, 2 * CHUNK)));
  for (const index of [0, 1, 3, 4]) machine.taken(index);
  machine.start();
  assert.equal(describe(machine.next()), 'chunk 2/0');
  machine.givenBack(0); // the cursor has passed it
  machine.givenBack(0);
  machine.givenBack(3); // the cursor comes to it
  machine.givenBack(2); // it was never taken
  const works = ['chunk 0/0', 'chunk 0/1', 'chunk 2/1', 'chunk 3/0', 'chunk 3/1', 'none'];
  assert.deepEqual(
    works.map(() => describe(machine.next())),
    works,
  );
  machine.rejected(1, 0);
  machine.rejected(4, 1);
  machine.done(1);
  assert.equal(describe(machine.next()), 'chunk 4/1');
  for (const index of [0, 2, 3, 4]) machine.done(index);
  assert.equal(machine.files.size, 0);
});
