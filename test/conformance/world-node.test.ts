import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createNodeWorld, type NodeWorldOptions } from '../../src/world/node/world.ts';
import { diskCapsSuite } from './disk_caps.suite.ts';
import type { WorldHarness } from './harness.ts';
import { worldSuites } from './suites.ts';

/** A memory file system, which is another device than the temporary folder on most machines. */
const SHARED_MEMORY = '/dev/shm';

function otherDevice(folder: string): string | null {
  if (!fs.existsSync(SHARED_MEMORY)) return null;
  if (fs.statSync(SHARED_MEMORY).dev === fs.statSync(folder).dev) return null;
  return fs.mkdtempSync(path.join(SHARED_MEMORY, 'cw-conformance-'));
}

function nodeHarness(name: string, options: NodeWorldOptions = {}): WorldHarness {
  return {
    name,
    run: async (body) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-conformance-'));
      const other = otherDevice(folder);
      try {
        await body({ world: createNodeWorld(options), folder, otherDevice: other });
      } finally {
        fs.rmSync(folder, { recursive: true, force: true });
        if (other !== null) fs.rmSync(other, { recursive: true, force: true });
      }
    },
  };
}

worldSuites(nodeHarness('real world'));
worldSuites(nodeHarness('real world, blocking disk', { disk: { mode: 'blocking' } }));
diskCapsSuite(nodeHarness('real world, without system calls', { disk: { syscalls: null } }));
