import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodePlan } from '../../wire/copy_messages.ts';
import { NO_COMPRESSION } from '../../world/compression.ts';
import { PlanSpool } from '../plan_spool.ts';
import { type ChunkWork, SourceMachine } from '../source_machine.ts';
import { type FileDelta, mayHaveMoved } from './file_delta.ts';

const CHUNK = 65_536;
const HASH = new Uint8Array(32).fill(1);
const PLACES: FileDelta = {
  kind: 'blocks',
  blockBytes: CHUNK,
  hashes: new Uint8Array(6 * 8),
  chunks: new Uint8Array(6 * 8),
  placesOnly: true,
};
const STEPS: FileDelta = { kind: 'steps', steps: [] };

function offeredFile() {
  const machine = new SourceMachine(CHUNK, new PlanSpool(NO_COMPRESSION));
  const entry = { path: 'f', kind: 'file', sizeBytes: 6 * CHUNK, mode: 0o644, mtimeNs: 1n, ctimeNs: 1n };
  machine.planned(encodePlan([{ ...entry, kind: 'file', inode: '1', linkTarget: '' }]));
  machine.start();
  machine.offered(0);
  const [file] = machine.takeOffers();
  machine.known(file!, 0, PLACES);
  const take = () => machine.next() as ChunkWork;
  const sent = (work: ChunkWork) => machine.chunkSent(work.file, work.version, work.index, HASH);
  return { machine, file: file!, take, sent };
}

test('a chunk that differs from what stands at its place waits until its pieces are known, with all that follow', () => {
  const { machine, file, take, sent } = offeredFile();
  sent(take());
  const [one, two, three] = [take(), take(), take()];
  assert.equal(machine.moved(two), CHUNK, 'compared from the first chunk on that is not out');
  assert.equal(machine.moved(three), 'more', 'asked for already');
  sent(one);
  assert.equal(machine.next(), null);
  machine.known(file, 0, STEPS);
  const rest = [take(), take(), take(), take()];
  assert.deepEqual(
    rest.map(({ index, delta }) => [index, delta?.kind]),
    [2, 3, 4, 5].map((index) => [index, 'steps']),
  );
  assert.deepEqual(rest.map(sent), ['more', 'more', 'more', 'end']);
});

test('a chunk that was under way when the pieces became known goes by them', () => {
  const { machine, file, take, sent } = offeredFile();
  const [zero, one] = [take(), take()];
  assert.equal(machine.moved(one), 0);
  machine.known(file, 0, STEPS);
  sent(take());
  assert.equal(machine.moved(zero), 'more');
  const indexes = Array.from({ length: 5 }, () => take());
  assert.deepEqual(
    indexes.map(({ index }) => index),
    [0, 2, 3, 4, 5],
  );
  assert.equal(machine.inFlightBytes, 6 * CHUNK);
});

test('a file ends with a chunk that went by its pieces before it was found not to be at its place', () => {
  const { machine, file, take, sent } = offeredFile();
  const [zero, one] = [take(), take()];
  assert.equal(machine.moved(zero), 0);
  machine.known(file, 0, STEPS);
  for (let chunk = 0; chunk < 6; chunk += 1) assert.equal(sent(take()), 'more');
  assert.equal(machine.moved(one), 'end');
  assert.equal(file.phase, 'ending');
});

test('a chunk that is refused while its file is compared goes afterwards', () => {
  const { machine, file, take, sent } = offeredFile();
  sent(take());
  machine.moved(take());
  machine.rejected(0, 0);
  assert.equal(machine.next(), null);
  machine.known(file, 0, null);
  const again = take();
  assert.deepEqual([again.index, again.again], [0, true]);
});

test('only what stands within the version there, and is known by its place alone, may have moved', () => {
  assert.equal(mayHaveMoved(PLACES, 5, Uint8Array.of(0)), true);
  assert.equal(mayHaveMoved(PLACES, 5, Uint8Array.of(1)), false);
  assert.equal(mayHaveMoved(PLACES, 6, Uint8Array.of(0)), false);
  assert.equal(mayHaveMoved(PLACES, 0, null), false);
  assert.equal(mayHaveMoved({ ...PLACES, placesOnly: false }, 0, Uint8Array.of(0)), false);
  assert.equal(mayHaveMoved(STEPS, 0, Uint8Array.of(0)), false);
  assert.equal(mayHaveMoved(null, 0, Uint8Array.of(0)), false);
});
