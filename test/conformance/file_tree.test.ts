import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { WriteBackTree } from '../../src/cache/write_back/write_back_tree.ts';
import type { FileTree, TreeEntry } from '../../src/tree/files/file_tree.ts';
import { followingLinks } from '../../src/tree/files/following_links.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { MemoryTree } from '../../src/tree/files/memory_tree.ts';
import { QuotaLedger } from '../../src/tree/files/quota_ledger.ts';
import { QuotaTree } from '../../src/tree/files/quota_tree.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { createSimCryptography } from '../../src/world/sim/cryptography.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import { at, fileTreeSuite, type TreeHarness, textAt } from './file_tree.suite.ts';

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

/** A tree in front of which writes wait in a journal, for so long. */
function writeBack(ageMs: number): TreeHarness {
  return {
    name: `memory, written back after ${ageMs} ms`,
    run: async (body) => {
      const far = new MemoryTree({ wallMs: () => 1_700_000_000_000 });
      const sim = new Sim(1, {
        ...NO_FAULTS,
        disk: { ...NO_DISK_FAULTS, latencyRate: 0.3, latencyMaxMs: 5 },
      });
      const machine = sim.machine('near');
      machine.disk.writeTree('/d', {});
      await sim.run(machine, async (world) => {
        const { clock, random, disk } = world;
        const place = {
          folder: '/d',
          name: 'j',
          key: new Uint8Array(32),
          segmentBytes: 2 ** 18,
          reserveBytes: 0,
        };
        const settings = { place, owner: { userId: 0, groupId: 0 }, dirtyMaxBytes: 2 ** 24, ageMs };
        const ports = { clock, random, disk, crypto: createSimCryptography() };
        await using tree = await WriteBackTree.open(ports, far, settings);
        await body(tree);
        await tree.waitClean(new AbortController().signal);
        assert.deepEqual([tree.status.conflicts, tree.status.failures], [[], []]);
        assert.deepEqual(await allOf(far, ''), await allOf(tree, ''));
      });
      assert.deepEqual(sim.leaks(), []);
    },
  };
}

/** Everything below a folder: paths, and what files hold. */
async function allOf(tree: FileTree, path: string): Promise<string[]> {
  const found: string[] = [];
  const entries: TreeEntry[] = [];
  for await (const page of tree.list(at(path))) entries.push(...page);
  for (const { name, node } of entries) {
    const below = path === '' ? name : `${path}/${name}`;
    found.push(`${below} ${node.kind} ${node.kind === 'file' ? await textAt(tree, below) : ''}`);
    if (node.kind === 'directory') found.push(...(await allOf(tree, below)));
  }
  return found.sort();
}

fileTreeSuite(local('local folder', plain), { strict: true });
fileTreeSuite(simulated(), { strict: true });
fileTreeSuite(memory('memory', plain), { strict: true });
fileTreeSuite(local('local folder with a quota', quotaOf), { strict: true });
fileTreeSuite(memory('memory with a quota', quotaOf), { strict: true });
fileTreeSuite(local('local folder, links followed', followingLinks), { strict: false });
fileTreeSuite(memory('memory, links followed', followingLinks), { strict: false });
fileTreeSuite(writeBack(0), { strict: true });
fileTreeSuite(writeBack(5_000), { strict: true });
