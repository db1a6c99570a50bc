import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes } from '../../src/base/bytes.ts';
import { deferred } from '../../src/base/deferred.ts';
import { createMux } from '../../src/link/mux/create_mux.ts';
import type { Stream, StreamClass, StreamMessage } from '../../src/link/mux/mux.ts';
import type { SessionStats } from '../../src/link/session/session.ts';
import type { Clock } from '../../src/world/clock.ts';
import type { Conn } from '../../src/world/net.ts';
import { NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { Seeded, testSeed } from './seeded.ts';
import { WorldPair } from './world_pair.ts';

const SEED = testSeed();
const SEEDS = Number(process.env.SEEDS ?? 25);
const PORT = 4433;
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

/** Connections that the guest has accepted, newest last. */
async function serve(world: World, accepted: Conn[], over: Promise<void>): Promise<void> {
  const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: PORT });
  const accepting = (async () => {
    try {
      for (;;) accepted.push(await listener.accept());
    } catch {
      // the listener was closed
    }
  })();
  await over;
  await listener.close();
  await accepting;
}

/** The end of the host and the end of the guest; where a connection was lost on the way they may not belong together, which the heartbeat finds out. */
async function dial(host: World, accepted: Conn[]): Promise<[Conn, Conn]> {
  await Promise.all(accepted.splice(0).map((conn) => conn.close()));
  const near = await host.net.dial({ kind: 'tcp', host: 'guest', port: PORT }, { timeoutMs: 1_000 });
  for (let waitedMs = 0; accepted.length === 0 && waitedMs < 500; waitedMs += 1) await host.clock.sleep(1);
  const far = accepted.pop();
  if (far !== undefined) return [near, far];
  await near.close();
  throw new Error('the guest has not accepted');
}

/** Four streams, one of each class, on which random messages go there and back. */
async function exchange(pair: WorldPair, clocks: readonly [Clock, Clock], random: Seeded): Promise<void> {
  const a = createMux(pair.a, { dialer: true, clock: clocks[0] });
  const b = createMux(pair.b, { dialer: false, clock: clocks[1] });
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
}

async function run(seed: number): Promise<SessionStats[]> {
  const sim = new Sim(seed, FAULTS);
  const accepted: Conn[] = [];
  const over = deferred<void>();
  const guestWorld = deferred<World>();
  const guest = sim.machine('guest').spawn('agent', (world) => {
    guestWorld.resolve(world);
    return serve(world, accepted, over.promise);
  });
  let stats: SessionStats[] = [];
  await sim.run(sim.machine('host'), async (world) => {
    const clocks = [world.clock, (await guestWorld.promise).clock] as const;
    const pair = new WorldPair({ clocks, integrity: 'crc32c', dial: () => dial(world, accepted) });
    await pair.connect();
    await exchange(pair, clocks, new Seeded(seed));
    stats = [pair.a.stats, pair.b.stats];
    await Promise.all(accepted.map((conn) => conn.close()));
    over.resolve();
  });
  await sim.runUntil(() => !guest.running);
  assert.deepEqual(sim.leaks(), [], `SEED=${seed}`);
  return stats;
}

describe('Mux in the simulated world', () => {
  it(`delivers every message once under cuts, stalls, flips and refusals, ${SEEDS} seeds`, async () => {
    let [reconnects, damaged] = [0, 0];
    for (let seed = SEED; seed < SEED + SEEDS; seed += 1) {
      for (const stats of await run(seed)) {
        reconnects += stats.reconnects;
        damaged += stats.damagedRecords;
      }
    }
    assert.ok(reconnects > SEEDS, `${reconnects} carriers were lost`);
    assert.ok(damaged > 0, 'bits were flipped');
  });
});
