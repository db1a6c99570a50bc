import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes } from '../../src/base/bytes.ts';
import { createMux } from '../../src/link/mux/create_mux.ts';
import type { Stream, StreamClass, StreamMessage } from '../../src/link/mux/mux.ts';
import { NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { LOOPBACK } from '../conformance/pair.ts';
import { Seeded, testSeed } from './seeded.ts';
import { WorldPair } from './world_pair.ts';

const SEED = testSeed();
const SEEDS = Number(process.env.SEEDS ?? 25);
const NEVER = new AbortController().signal;
const CLASSES: readonly StreamClass[] = ['control', 'interactive', 'bulk', 'background'];

/** Everything that a network does to a plain link, flipped bits included. */
const FAULTS = {
  ...NO_FAULTS,
  net: {
    ...NO_NET_FAULTS,
    latencyRate: 0.3,
    latencyMaxMs: 40,
    splitRate: 0.1,
    stallRate: 0.002,
    stallMaxMs: 8_000,
    cutRate: 0.005,
    flipRate: 0.005,
    refuseRate: 0.2,
  },
};

async function echo(stream: Stream): Promise<void> {
  for (let message = await stream.receive(); message !== null; message = await stream.receive()) {
    const { bytes, release } = {
      bytes: message.bytes.slice(),
      release: () => (message as StreamMessage).release(),
    };
    release();
    await stream.send([bytes]);
  }
  await stream.end();
}

async function ask(stream: Stream, messages: readonly Uint8Array[]): Promise<void> {
  const sending = Promise.all([...messages.map((bytes) => stream.send([bytes])), stream.end()]);
  for (const bytes of messages) {
    const answer = (await stream.receive()) as StreamMessage;
    assert.ok(equalBytes(answer.bytes, bytes));
    answer.release();
  }
  assert.equal(await stream.receive(), null);
  await sending;
}

/** Returns what the run met: carriers after the first, damaged records. */
async function scenario(world: World, random: Seeded): Promise<[number, number]> {
  await using listener = await world.net.listen(LOOPBACK);
  const pair = new WorldPair(world, listener, null);
  await pair.connect();
  const a = createMux(pair.a, { dialer: true, clock: world.clock });
  const b = createMux(pair.b, { dialer: false, clock: world.clock });
  const work = CLASSES.flatMap((streamClass) => {
    const messages = Array.from({ length: 8 }, () => random.bytes(random.below(2) * random.below(30_000)));
    return [
      a.open('rpc', { streamClass, opening: new Uint8Array(0) }).then((stream) => ask(stream, messages)),
      b.accept(NEVER).then(echo),
    ];
  });
  await Promise.all(work);
  await Promise.all([a.close(), b.close()]);
  await pair.settled();
  const damaged = pair.a.stats.damagedRecords + pair.b.stats.damagedRecords;
  return [pair.reconnects, damaged];
}

describe('Mux in the simulated world', () => {
  it(`delivers every message once under cuts, stalls, flips and refusals, ${SEEDS} seeds`, async () => {
    let [reconnects, damaged] = [0, 0];
    for (let seed = SEED; seed < SEED + SEEDS; seed += 1) {
      const sim = new Sim(seed, FAULTS);
      await sim.run(sim.machine('alone'), async (world) => {
        const [times, records] = await scenario(world, new Seeded(seed));
        reconnects += times;
        damaged += records;
      });
      assert.deepEqual(sim.leaks(), [], `SEED=${seed}`);
    }
    assert.ok(reconnects > SEEDS, `${reconnects} carriers were lost`);
    assert.ok(damaged > 0, 'bits were flipped');
  });
});
