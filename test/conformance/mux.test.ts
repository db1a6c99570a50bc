import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createMux } from '../../src/link/mux/create_mux.ts';
import type { Endpoint } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { type FaultPlan, NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { testSeed } from '../link/seeded.ts';
import { WorldPair } from '../link/world_pair.ts';
import { type MuxPair, muxSuite } from './mux.suite.ts';
import { LOOPBACK } from './pair.ts';

const seed = testSeed();

/** Runs `body` over a listener of `world`. */
async function overWorld(
  world: World,
  endpoint: Endpoint,
  tls: boolean,
  body: (pair: MuxPair) => Promise<void>,
): Promise<number> {
  const { clock } = world;
  await using listener = await world.net.listen(endpoint);
  const pair = new WorldPair(world, listener, tls ? await world.identities.create('both') : null);
  await pair.connect();
  await body({
    a: createMux(pair.a, { dialer: true, clock }),
    b: createMux(pair.b, { dialer: false, clock }),
    clock,
  });
  await pair.settled();
  return pair.reconnects;
}

const node = createNodeWorld();
for (const tls of [false, true]) {
  muxSuite(tls ? 'TCP and TLS' : 'TCP, crc32c', {
    seed,
    run: async (body) => void (await overWorld(node, LOOPBACK, tls, body)),
  });
}

muxSuite('Unix socket, crc32c', {
  seed,
  run: async (body) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-mux-'));
    try {
      await overWorld(node, { kind: 'unix', path: path.join(folder, 'socket') }, false, body);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
});

function overSim(plan: FaultPlan, onDone: (reconnects: number) => void) {
  return async (body: (pair: MuxPair) => Promise<void>) => {
    const sim = new Sim(seed, plan);
    await sim.run(sim.machine('alone'), async (world) =>
      onDone(await overWorld(world, LOOPBACK, false, body)),
    );
    assert.deepEqual(sim.leaks(), []);
  };
}

muxSuite('simulated network', { seed, run: overSim(NO_FAULTS, () => undefined) });
const restless = {
  ...NO_FAULTS,
  net: { ...NO_NET_FAULTS, latencyRate: 0.3, latencyMaxMs: 20, splitRate: 0.3 },
};
muxSuite('restless simulated network', { seed, run: overSim(restless, () => undefined) });
