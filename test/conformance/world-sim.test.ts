import assert from 'node:assert/strict';
import { NO_DISK_FAULTS, NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { WorldHarness } from './harness.ts';
import { worldSuites } from './suites.ts';

const FOLDER = '/srv/area';
const OTHER_DEVICE = '/mnt/other';

/** What is no fault but the way of the world: time that passes, bytes that come in pieces. */
const RESTLESS = {
  ...NO_FAULTS,
  disk: { ...NO_DISK_FAULTS, latencyRate: 0.5, latencyMaxMs: 5, shortReadRate: 0.3, shortWriteRate: 0.3 },
  net: { ...NO_NET_FAULTS, latencyRate: 0.7, latencyMaxMs: 20, splitRate: 0.5 },
};

function simHarness(name: string, plan = NO_FAULTS): WorldHarness {
  const seed = Number(process.env.SEED ?? 1);
  return {
    name: `${name} (SEED=${seed})`,
    run: async (body) => {
      const sim = new Sim(seed, plan);
      const machine = sim.machine('alone');
      machine.disk.writeTree(FOLDER, {});
      machine.disk.mount(OTHER_DEVICE);
      await sim.run(machine, (world) => body({ world, folder: FOLDER, otherDevice: OTHER_DEVICE }));
      assert.deepEqual(sim.leaks(), []);
    },
  };
}

worldSuites(simHarness('simulated world'));
worldSuites(simHarness('restless simulated world', RESTLESS));
