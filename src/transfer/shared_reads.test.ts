import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { NO_FAULTS } from '../world/sim/faults.ts';
import { Sim } from '../world/sim/sim.ts';
import type { World } from '../world/world.ts';
import { type SharedReader, SharedReads } from './shared_reads.ts';

const PIECE = 1024 * 1024;
const WINDOW_PIECES = LIMITS.sharedReadWindowBytes.value / PIECE;

interface Guest {
  /** How long it takes for one piece, in ms of simulated time. */
  readonly pieceMs: (index: number) => number;
  readonly startsAtMs?: number;
}

interface Outcome {
  readonly reads: number;
  readonly endsMs: readonly number[];
}

/** Several guests that take the same pieces, each at its pace; in simulated time. */
async function share(guests: readonly Guest[], pieces: number): Promise<Outcome> {
  const sim = new Sim(1, NO_FAULTS);
  let outcome: Outcome | null = null;
  sim.machine('host').spawn('readers', async (world) => {
    outcome = await readAll(world, guests, pieces);
  });
  await sim.runUntil(() => outcome !== null, { maxVirtualMs: 3_600_000, maxEvents: 10_000_000 });
  assert.ok(outcome, 'all have read everything');
  return outcome;
}

async function readAll(world: World, guests: readonly Guest[], pieces: number): Promise<Outcome> {
  const shared = new SharedReads(world.clock);
  const began = world.clock.monotonicMs();
  let reads = 0;
  const readers = guests.map(() => shared.join());
  const run = async ({ pieceMs, startsAtMs = 0 }: Guest, reader: SharedReader) => {
    await world.clock.sleep(startsAtMs);
    await reader.start();
    const into = new Uint8Array(PIECE);
    for (let index = 0; index < pieces; index += 1) {
      const told = await reader.piece(
        `piece ${index}`,
        into,
        async () => {
          reads += 1;
          into.fill(index % 251);
          return index;
        },
        () => true,
      );
      assert.deepEqual([told, into[0], into[PIECE - 1]], [index, index % 251, index % 251]);
      await world.clock.sleep(pieceMs(index));
    }
    reader.leave();
    return world.clock.monotonicMs() - began;
  };
  const endsMs = await Promise.all(guests.map((guest, at) => run(guest, readers[at]!)));
  assert.equal(shared.readerCount, 0);
  return { reads, endsMs };
}

test('guests of equal speed read once, also with hiccups of each in turn', async () => {
  const hiccups = (nth: number) => (index: number) => (index % 90 === nth * 30 ? 150 : 4);
  const { reads } = await share(
    [{ pieceMs: hiccups(0) }, { pieceMs: hiccups(1) }, { pieceMs: hiccups(2) }],
    270,
  );
  assert.equal(reads, 270);
});

test('guests that begin at different moments begin together', async () => {
  const { reads } = await share(
    [{ pieceMs: () => 4 }, { pieceMs: () => 4, startsAtMs: 700 }, { pieceMs: () => 4, startsAtMs: 1_500 }],
    150,
  );
  assert.equal(reads, 150);
});

/** How long one guest takes by itself: the simulated clock is no better than a real one. */
async function aloneMs(guest: Guest, pieces: number): Promise<number> {
  return (await share([guest], pieces)).endsMs[0]!;
}

test('a slow guest reads by itself and holds up the others for a second and a fiftieth of the time', async (t) => {
  const fast = { pieceMs: () => 4 };
  const { reads, endsMs } = await share([fast, fast, { pieceMs: () => 100 }], 400);
  const alone = await aloneMs(fast, 400);
  t.diagnostic(`${endsMs.map(Math.round).join(', ')} ms, alone ${Math.round(alone)} ms, ${reads} reads`);
  for (const endMs of endsMs.slice(0, 2))
    assert.ok(endMs <= (alone + LIMITS.sharedReadPatienceMs.value) * 1.05, `${endMs} ms`);
  assert.ok(reads <= 2 * 400, `${reads} reads`);
  assert.ok(reads >= 400 + 400 - 3 * WINDOW_PIECES, `${reads} reads: the slow one got pieces from nowhere`);
});

test('a guest that never begins holds up the others for a short time only', async (t) => {
  const fast = { pieceMs: () => 4 };
  const { reads, endsMs } = await share([fast, fast, { ...fast, startsAtMs: 60_000 }], 150);
  const alone = await aloneMs(fast, 150);
  t.diagnostic(`${endsMs.map(Math.round).join(', ')} ms, alone ${Math.round(alone)} ms`);
  const patienceMs = LIMITS.sharedReadStartMs.value + LIMITS.sharedReadPatienceMs.value;
  for (const endMs of endsMs.slice(0, 2)) assert.ok(endMs <= (alone + patienceMs) * 1.05, `${endMs} ms`);
  assert.ok(reads <= 300 && reads >= 300 - WINDOW_PIECES, `${reads} reads`);
});

test('what may not be shared, or could not be read, is read by each', async () => {
  const sim = new Sim(2, NO_FAULTS);
  let done = false;
  sim.machine('host').spawn('readers', async ({ clock }) => {
    const shared = new SharedReads(clock);
    const [a, b] = [shared.join(), shared.join()];
    const into = new Uint8Array(10);
    let reads = 0;
    const refuse = async () => {
      reads += 1;
      return 'changed';
    };
    await Promise.all([a, b].map((reader) => reader.piece('x', into, refuse, () => false)));
    assert.equal(reads, 2);
    const fail = () => Promise.reject(new Error('the disk is gone'));
    const first = a.piece('y', into, fail, () => true);
    const second = b.piece(
      'y',
      into,
      async () => 'fine',
      () => true,
    );
    await assert.rejects(first, /the disk is gone/);
    assert.equal(await second, 'fine');
    done = true;
  });
  await sim.runUntil(() => done, { maxVirtualMs: 10_000 });
  assert.ok(done);
});
