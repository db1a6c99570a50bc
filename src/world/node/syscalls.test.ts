import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { syncfsInThread } from './syncfs_thread.ts';
import { loadSyscalls, type Syscalls } from './syscalls.ts';

const skip = loadSyscalls() === null && 'this platform or build of Node has no node:ffi';
const calls = loadSyscalls() as Syscalls;

test('a failed call carries the errno of the system', { skip }, () => {
  assert.throws(() => calls.utimensAt(-1, 'relative', 0n), { code: 'EBADF', syscall: 'utimensat' });
  assert.throws(() => calls.futimens(-1, 0n), { code: 'EBADF' });
  assert.throws(() => calls.syncfs(-1), { code: 'EBADF' });
  const fd = fs.openSync(os.tmpdir(), 'r');
  assert.throws(() => calls.utimensAt(fd, 'no such entry', 0n), { code: 'ENOENT' });
  assert.throws(() => calls.makeRaw(fd), { code: 'ENOTTY' });
  fs.closeSync(fd);
});

test('a flush of the file system runs beside this thread, and its failure comes back', { skip }, async () => {
  const fd = fs.openSync(os.tmpdir(), 'r');
  await syncfsInThread(fd);
  await Promise.all([syncfsInThread(fd), syncfsInThread(fd), syncfsInThread(fd)]);
  await assert.rejects(syncfsInThread(-1), { code: 'EBADF' });
  await syncfsInThread(fd);
  fs.closeSync(fd);
});

test('the thread that flushed does not keep the process alive', { skip }, async () => {
  const { spawnSync } = await import('node:child_process');
  const source = `import { syncfsInThread } from ${JSON.stringify(new URL('./syncfs_thread.ts', import.meta.url).href)};
    import { openSync } from 'node:fs';
    await syncfsInThread(openSync('/', 'r'));
    console.log('flushed');`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.deepEqual([run.stdout, run.stderr, run.status], ['flushed\n', '', 0]);
});

test('a look tells whether a read returns at once', { skip }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-poll-'));
  execFileSync('mkfifo', [path.join(folder, 'fifo')]);
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants;
  const reader = fs.openSync(path.join(folder, 'fifo'), O_RDONLY | O_NONBLOCK);
  const writer = fs.openSync(path.join(folder, 'fifo'), O_WRONLY);
  assert.equal(calls.isReadable(reader), false);
  fs.writeSync(writer, 'x');
  assert.equal(calls.isReadable(reader), true);
  fs.readSync(reader, Buffer.alloc(2));
  assert.equal(calls.isReadable(reader), false);
  fs.closeSync(writer);
  assert.equal(calls.isReadable(reader), true, 'the end');
  fs.closeSync(reader);
  fs.rmSync(folder, { recursive: true });
});

test('a worker thread has the calls too', { skip }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-syscalls-'));
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { createNodeDisk } from ${url('./disk.ts')};
    const dir = await createNodeDisk({ mode: 'blocking' }).openRoot(${JSON.stringify(folder)});
    const file = await dir.openFile('f', 'create');
    await file.setAttrs({ mtimeNs: 1_234_567_890_123_456_789n });
    const { mtimeNs } = await dir.stat('f');
    parentPort.postMessage([mtimeNs, await dir.syncFileSystem()]);
    await file.close();
    await dir.close();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const answer = await new Promise((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  );
  assert.deepEqual(answer, [1_234_567_890_123_456_789n, true]);
  fs.rmSync(folder, { recursive: true, force: true });
});

test('loading prints no warning', { skip }, async () => {
  const { spawnSync } = await import('node:child_process');
  const source = `import { loadSyscalls } from ${JSON.stringify(new URL('./syscalls.ts', import.meta.url).href)}; console.log(loadSyscalls() !== null);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  assert.deepEqual([run.stdout, run.stderr], ['true\n', '']);
});
