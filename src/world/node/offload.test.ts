import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { equalBytes, sharedBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { parseName } from '../../base/path.ts';
import type { Dir, DiskFile } from '../disk.ts';
import type { Job, JobContext } from '../offload.ts';
import { createNodeDisk } from './disk.ts';
import { createNodeOffload } from './offload.ts';

/** What the thread of these tests can do; each is told from the calling thread by what it answers. */
const THREAD = `
const { serveJobs } = await import(${JSON.stringify(new URL('./offload_thread.ts', import.meta.url).href)});
const { isMainThread } = await import('node:worker_threads');
serveJobs([
  { name: 'where', run: async () => isMainThread },
  { name: 'fill', run: async ({ file, into, offset }) => file.read(into, offset) },
  { name: 'stat-all', run: async ({ dir, names }) => Promise.all(names.map(async (n) => (await dir.stat(n)).sizeBytes)) },
  { name: 'move', run: async (_, context) => { context.moved(3); context.moved(4); return 'done'; } },
  { name: 'fail', run: async ({ dir, name }) => { await dir.stat(name); } },
  { name: 'die', run: async () => process.exit(3) },
  { name: 'wait', run: async ({ gate }) => Atomics.wait(new Int32Array(gate), 0, 0) },
]);
`;
const module = { url: `data:text/javascript,${encodeURIComponent(THREAD)}` };

function job<Args extends object, Result>(name: string): Job<Args, Result> {
  return { name, run: async () => Promise.reject(new Error('this ran in the calling thread')) };
}

async function withFolder(body: (dir: Dir, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-offload-'));
  const dir = await createNodeDisk().openRoot(folder);
  try {
    await body(dir, folder);
  } finally {
    await dir.close();
    rmSync(folder, { recursive: true });
  }
}

test('a job runs in another thread and fills the memory of the caller from an open file', async () => {
  const offload = createNodeOffload(module);
  assert.equal(await offload.run(job<object, boolean>('where'), {}), false);
  await withFolder(async (dir, folder) => {
    writeFileSync(join(folder, 'a'), '0123456789');
    await using file = await dir.openFile(parseName('a'), 'read');
    const into = sharedBytes(4);
    const fill = job<{ file: DiskFile; into: Uint8Array; offset: number }, number>('fill');
    assert.equal(await offload.run(fill, { file, into, offset: 3 }), 4);
    assert.ok(equalBytes(into, Buffer.from('3456')));
  });
});

test('folders and lists go along, and a descriptor stays open until its job is over', async () => {
  const offload = createNodeOffload(module);
  await withFolder(async (root, folder) => {
    writeFileSync(join(folder, 'a'), 'x');
    writeFileSync(join(folder, 'b'), 'xyz');
    const dir = await root.clone();
    const answer = offload.run(job<object, number[]>('stat-all'), { dir, names: ['a', 'b'] });
    const closed = dir.close();
    assert.deepEqual(await answer, [1, 3]);
    await closed;
    await assert.rejects(offload.run(job('stat-all'), { dir, names: [] }), { code: 'CW_INTERNAL' });
  });
});

test('an error keeps its code, and progress arrives before the result', async () => {
  const offload = createNodeOffload(module);
  await withFolder(async (dir) => {
    await assert.rejects(
      offload.run(job('fail'), { dir, name: parseName('absent') }),
      (thrown) => thrown instanceof CausewayError && thrown.code === 'CW_DISK_NOT_FOUND',
    );
  });
  const moved: number[] = [];
  assert.equal(await offload.run(job<object, string>('move'), {}, (bytes) => moved.push(bytes)), 'done');
  assert.deepEqual(moved, [3, 4]);
});

test('a thread that dies fails its job only, and jobs that are held up do not hold up the others', async () => {
  const offload = createNodeOffload(module);
  await assert.rejects(offload.run(job('die'), {}), { code: 'CW_INTERNAL' });
  const gate = new SharedArrayBuffer(4);
  const held = Array.from({ length: 5 }, () => offload.run(job('wait'), { gate }));
  assert.equal(await offload.run(job<object, boolean>('where'), {}), false);
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  await Promise.all(held);
});

test('a handle of a wrapped disk keeps its job in the calling thread', async () => {
  const offload = createNodeOffload(module);
  const file = { [Symbol.asyncDispose]: async () => undefined, stat: async () => 'wrapped' };
  const local: Job<{ file: typeof file }, string> = {
    name: 'where',
    run: async (args, context: JobContext) => `${await args.file.stat()} ${context.scratch(3).byteLength}`,
  };
  assert.equal(await offload.run(local, { file }), 'wrapped 3');
});
