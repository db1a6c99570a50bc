import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import { StateFile } from '../link/session/state_file.ts';
import type { Dir } from '../world/disk.ts';
import { createNodeWorld } from '../world/node/world.ts';
import { importFormerJobs } from './job_import.ts';
import { MemoryJobStore } from './memory_job_store.ts';

const REQUEST = { direction: 'in', vm: 'vm', sources: ['/src'], destination: '/dst' } as const;

/** What the file held, as far as it matters; figures that are not named were there too. */
const former = (id: string, state: string, endedAtMs: number | null) => ({
  id,
  request: REQUEST,
  createdAtMs: 5_000.25,
  view: {
    id,
    state,
    phase: state,
    ...REQUEST,
    createdAtMs: 5_000.25,
    endedAtMs,
    durableBytes: 7,
    note: null,
  },
});

async function inFolder(body: (dir: Dir, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-import-'));
  try {
    await using dir = await createNodeWorld().disk.openRoot(folder);
    await body(dir, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('former jobs are taken over once: ended ones as history, the others into the queue', () =>
  inFolder(async (dir, folder) => {
    const jobs = [
      former('a', 'done', 9_000),
      former('b', 'running', null),
      former('c', 'interrupted', 8_000),
    ];
    await new StateFile(dir, folder, 'jobs.json').write({ jobs });
    const store = new MemoryJobStore();
    await importFormerJobs(dir, folder, store);
    assert.ok(!existsSync(join(folder, 'jobs.json')));
    assert.ok(existsSync(join(folder, 'jobs.json.imported')));
    assert.deepEqual(
      (await store.unfinished()).map(({ id, state, started, createdAtMs }) => [
        id,
        state,
        started,
        createdAtMs,
      ]),
      [['b', 'running', true, 5_000]],
    );
    const done = (await store.get('a'))!.view;
    assert.deepEqual(
      [done.state, done.endedAtMs, done.durableBytes, done.priority, done.waiting],
      ['done', 9_000, 7, 0, null],
    );
    await store.put([{ ...(await store.get('b'))!, state: 'paused' }]);
    await importFormerJobs(dir, folder, store);
    assert.equal((await store.get('b'))!.state, 'paused', 'a second start takes nothing over');
  }));

test('a damaged file is CW_DAEMON_STATE and stays where it is', () =>
  inFolder(async (dir, folder) => {
    writeFileSync(join(folder, 'jobs.json'), '{"jobs": [');
    await assert.rejects(
      importFormerJobs(dir, folder, new MemoryJobStore()),
      (thrown) => thrown instanceof CausewayError && thrown.code === 'CW_DAEMON_STATE',
    );
    assert.ok(existsSync(join(folder, 'jobs.json')));
  }));
