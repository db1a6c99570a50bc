import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { SealedBlocks, SizedBlock } from './sealed_blocks.ts';
import { SlotReads } from './slot_reads.ts';

interface Job {
  readonly what: readonly SizedBlock[];
  readonly begun: () => void;
  readonly done: (read: (Uint8Array | null)[]) => void;
}

/** A disk whose reads begin and end when they are told to, and a clock that rings when it is told to. */
function rig() {
  const jobs: Job[] = [];
  const rings: (() => void)[] = [];
  const read = (what: readonly SizedBlock[], begun: () => void) =>
    new Promise<(Uint8Array | null)[]>((done) => jobs.push({ what, begun, done }));
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      rings.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  const reads = new SlotReads({ sleep });
  const blocks = { read } as unknown as SealedBlocks;
  const of = { file: 'f', version: 'v', sizeBytes: 1 };
  return { jobs, rings, ask: (slot: number) => reads.read(blocks, { of, block: slot, slot, sizeBytes: 1 }) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

it('reads together what is asked for at one moment, up to as many as go in one batch', async () => {
  const { jobs, ask } = rig();
  const most = LIMITS.cacheBatchBlocks.value;
  const asked = Array.from({ length: most + 2 }, (_, slot) => ask(slot));
  await turn();
  assert.deepEqual(
    jobs.map(({ what }) => what.length),
    [most, 2],
  );
  for (const { what, done } of jobs) done(what.map(({ slot }) => Uint8Array.of(slot)));
  assert.deepEqual(
    await Promise.all(asked),
    asked.map((_, slot) => Uint8Array.of(slot)),
  );
});

it('calls a disk slow that holds a read up, and not one that no thread has asked yet', async () => {
  const { jobs, rings, ask } = rig();
  const ring = async () => {
    rings.at(-1)?.();
    await turn();
  };
  const first = ask(1);
  await turn();
  await ring();
  await ring();
  assert.equal(await first, 'busy', 'the thread is being started');

  const second = ask(2);
  await turn();
  await ring();
  jobs[1]?.begun();
  await turn();
  await ring();
  assert.equal(await second, 'late');

  const third = ask(3);
  await turn();
  await ring();
  assert.equal(await third, 'late', 'it waits behind one that the disk holds up');

  jobs[1]?.done([null]);
  await turn();
  const fourth = ask(4);
  await turn();
  await ring();
  await ring();
  assert.equal(await fourth, 'busy');
});

it('waits for a thread that begins late, and then as long as for any', async () => {
  const { jobs, rings, ask } = rig();
  const asked = ask(1);
  await turn();
  rings[0]?.(); // the time for a slow disk is over
  await turn();
  jobs[0]?.begun();
  await turn();
  jobs[0]?.done([Uint8Array.of(7)]);
  assert.deepEqual(await asked, Uint8Array.of(7));
});
