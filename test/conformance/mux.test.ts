import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createMux } from '../../src/link/mux/create_mux.ts';
import type { Conn, Endpoint } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { type FaultPlan, NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { testSeed } from '../link/seeded.ts';
import { WorldPair } from '../link/world_pair.ts';
import { type MuxPair, muxSuite } from './mux.suite.ts';
import { DIAL, LOOPBACK } from './pair.ts';

const seed = testSeed();

/** Runs `body` over a listener of `world`. */
async function overWorld(
  world: World,
  endpoint: Endpoint,
  tls: boolean,
  body: (pair: MuxPair) => Promise<void>,
): Promise<void> {
  const { clock } = world;
  await using listener = await world.net.listen(endpoint);
  const identity = tls ? await world.identities.create('both') : null;
  const secure = (conn: Conn, role: 'client' | 'server') =>
    identity === null ? conn : world.net.secure(conn, { identity, role, handshakeTimeoutMs: 10_000 });
  const dial = async (): Promise<[Conn, Conn]> => {
    const [dialer, acceptor] = await Promise.all([
      world.net.dial(listener.endpoint, DIAL),
      listener.accept(),
    ]);
    return Promise.all([secure(dialer, 'client'), secure(acceptor, 'server')]);
  };
  const pair = new WorldPair({ clocks: [clock, clock], integrity: tls ? 'tls' : 'crc32c', dial });
  await pair.connect();
  const [a, b] = [createMux(pair.a, { dialer: true, clock }), createMux(pair.b, { dialer: false, clock })];
  await body({ a, b, clock });
  await pair.settled();
  assert.equal(pair.reconnects, 0);
}

const node = createNodeWorld();
for (const tls of [false, true]) {
  muxSuite(tls ? 'TCP and TLS' : 'TCP, crc32c', {
    seed,
    run: (body) => overWorld(node, LOOPBACK, tls, body),
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

function overSim(plan: FaultPlan) {
  return async (body: (pair: MuxPair) => Promise<void>) => {
    const sim = new Sim(seed, plan);
    await sim.run(sim.machine('alone'), (world) => overWorld(world, LOOPBACK, false, body));
    assert.deepEqual(sim.leaks(), []);
  };
}

const restless = { ...NO_NET_FAULTS, latencyRate: 0.3, latencyMaxMs: 20, splitRate: 0.3 };
muxSuite('simulated network', { seed, run: overSim(NO_FAULTS) });
muxSuite('restless simulated network', { seed, run: overSim({ ...NO_FAULTS, net: restless }) });
