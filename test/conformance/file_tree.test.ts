import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { FileTree } from '../../src/tree/files/file_tree.ts';
import { followingLinks } from '../../src/tree/files/following_links.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { MemoryTree } from '../../src/tree/files/memory_tree.ts';
import { QuotaLedger } from '../../src/tree/files/quota_ledger.ts';
import { QuotaTree } from '../../src/tree/files/quota_tree.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import { fileTreeSuite, type TreeHarness } from './file_tree.suite.ts';

type Decorate = (tree: FileTree) => FileTree;

const plain: Decorate = (tree) => tree;
const quotaOf: Decorate = (tree) => new QuotaTree(tree, new QuotaLedger(2 ** 40, 0));

function local(name: string, decorate: Decorate): TreeHarness {
  return {
    name,
    run: async (body) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-tree-'));
      try {
        const tree = await LocalTree.open(createNodeWorld(), folder);
        try {
          await body(decorate(tree));
        } finally {
          await tree.close();
        }
        assert.ok(!fs.existsSync(path.join(folder, '.causeway')), 'no private folder is left');
      } finally {
        fs.rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function memory(name: string, decorate: Decorate): TreeHarness {
  return { name, run: (body) => body(decorate(new MemoryTree({ wallMs: () => 1_700_000_000_000 }))) };
}

function simulated(): TreeHarness {
  const seed = Number(process.env.SEED ?? 1);
  const disk = {
    ...NO_DISK_FAULTS,
    latencyRate: 0.3,
    latencyMaxMs: 5,
    shortReadRate: 0.3,
    shortWriteRate: 0.3,
  };
  return {
    name: `folder of the restless simulated world (SEED=${seed})`,
    run: async (body) => {
      const sim = new Sim(seed, { ...NO_FAULTS, disk });
      const machine = sim.machine('alone');
      machine.disk.writeTree('/srv/area', {});
      await sim.run(machine, async (world) => {
        await using tree = await LocalTree.open(world, '/srv/area');
        await body(tree);
      });
      assert.deepEqual(sim.leaks(), []);
    },
  };
}

fileTreeSuite(local('local folder', plain), { strict: true });
fileTreeSuite(simulated(), { strict: true });
fileTreeSuite(memory('memory', plain), { strict: true });
fileTreeSuite(local('local folder with a quota', quotaOf), { strict: true });
fileTreeSuite(memory('memory with a quota', quotaOf), { strict: true });
fileTreeSuite(local('local folder, links followed', followingLinks), { strict: false });
fileTreeSuite(memory('memory, links followed', followingLinks), { strict: false });
