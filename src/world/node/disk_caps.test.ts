import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type Name, parseName } from '../../base/path.ts';
import { loadCacheCalls } from './cache_calls.ts';
import { createNodeDisk } from './disk.ts';
import { loadRangeCalls, type RangeCalls } from './range_calls.ts';
import { hasWideSyscalls } from './syscalls.ts';
import { loadXattrCalls } from './xattr_calls.ts';

const n = (text: string): Name => parseName(text);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-caps-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const fresh = (): string => fs.mkdtempSync(path.join(scratch, 'd-'));
const skip = !hasWideSyscalls() && 'this platform has no such system calls';

test('where the platform has the calls they are offered, and without them there is none', {
  skip,
}, async () => {
  assert.notEqual(loadRangeCalls(), null);
  assert.notEqual(loadXattrCalls(), null);
  await using dir = await createNodeDisk({ syscalls: null }).openRoot(fresh());
  await using file = await dir.openFile(n('f'), 'create');
  assert.deepEqual(file.caps, { ranges: null, copies: null, xattrs: null, cache: null });
  assert.equal(dir.caps.xattrsOf(n('f')), null);
  assert.notEqual(dir.caps.links, null);
});

test('what was read and flushed can be given up from memory', { skip }, async () => {
  await using dir = await createNodeDisk().openRoot(fresh());
  await using file = await dir.openFile(n('f'), 'create');
  const { cache } = file.caps;
  assert.ok(cache !== null);
  await file.write(new Uint8Array(1_000_000).fill(1), 0);
  await file.datasync();
  await cache.drop(0, 0);
  const left = await cache.cachedBytes(0, 1_000_000);
  // a file system in memory keeps what it has, and old kernels do not tell
  assert.ok(left === null || left === 0 || left === 1_000_000, `${left}`);
  assert.throws(() => loadCacheCalls()?.drop(-1, 0, 0), { code: 'EBADF', syscall: 'posix_fadvise' });
  assert.equal(loadCacheCalls()?.cached(-1, 0, 1), null);
});

test('a failed call carries the errno of the system', { skip }, () => {
  const calls = loadRangeCalls() as RangeCalls;
  assert.throws(() => calls.seekData(-1, 0), { code: 'EBADF', syscall: 'lseek' });
  assert.throws(() => calls.copyRange(-1, 0, -1, 0, 1), { code: 'EBADF' });
  assert.throws(() => calls.cloneRange(-1, 0, -1, 0, 1), { code: 'EBADF' });
  assert.throws(() => calls.punchHole(-1, 0, 1), { code: 'EBADF' });
  assert.throws(() => loadXattrCalls()?.get('/missing', 'user.a'), { code: 'ENOENT' });
});

test('offsets beyond 4 GiB arrive whole', { skip }, async () => {
  await using dir = await createNodeDisk().openRoot(fresh());
  await using file = await dir.openFile(n('f'), 'create');
  const far = 5 * 1024 ** 3 + 4096;
  await file.write(Buffer.from('far'), far);
  assert.equal(await file.caps.ranges!.seekData(1), far);
  await using other = await dir.openFile(n('g'), 'create');
  assert.equal(await other.caps.copies!.copyRange(file, far, far + 8192, 3), 3);
  assert.equal((await other.stat()).sizeBytes, far + 8195);
});

test('what is neither file, folder nor symlink is told apart', {
  skip: process.platform === 'win32',
}, async () => {
  const folder = fresh();
  execFileSync('mkfifo', [path.join(folder, 'fifo')]);
  const server = net.createServer().listen(path.join(folder, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  await using dir = await createNodeDisk().openRoot(folder);
  assert.equal((await dir.stat(n('fifo'))).special?.type, 'fifo');
  assert.deepEqual((await dir.stat(n('socket'))).special, { type: 'socket', major: 0, minor: 0 });
  await new Promise((resolve) => server.close(resolve));
  await using devices = await createNodeDisk().openRoot('/dev');
  const { special } = await devices.stat(n('null'));
  assert.equal(special?.type, 'characterDevice');
  if (process.platform === 'linux') assert.deepEqual([special?.major, special?.minor], [1, 3]);
});

test('another program finds the attributes that were set, and gives them on', { skip }, async () => {
  const folder = fresh();
  await using dir = await createNodeDisk().openRoot(folder);
  await using file = await dir.openFile(n('f'), 'create');
  await file.caps.xattrs!.set('user.a', Buffer.from('passed on'));
  execFileSync('cp', ['--preserve=xattr', path.join(folder, 'f'), path.join(folder, 'g')]);
  const copied = await dir.caps.xattrsOf(n('g'))!.get('user.a');
  assert.equal(Buffer.from(copied!).toString(), 'passed on');
});

test('a worker thread has the capabilities too', { skip }, async () => {
  const url = JSON.stringify(new URL('./disk.ts', import.meta.url).href);
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { createNodeDisk } from ${url};
    const dir = await createNodeDisk({ mode: 'blocking' }).openRoot(${JSON.stringify(fresh())});
    const file = await dir.openFile('f', 'create');
    await file.write(new Uint8Array(5000).fill(1), 0);
    await file.truncate(1_000_000);
    await file.caps.xattrs.set('user.a', Buffer.from('x'));
    const hole = await file.caps.ranges.seekHole(0);
    const failure = await file.caps.xattrs.set('wrong', Buffer.from('x')).catch((error) => error.code);
    parentPort.postMessage([hole, await file.caps.xattrs.list(), failure]);
    await file.close();
    await dir.close();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const answer = await new Promise<[number, string[], string]>((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  );
  assert.ok(answer[0] >= 5000 && answer[0] < 1_000_000);
  assert.ok(answer[1].includes('user.a'));
  assert.equal(answer[2], 'CW_UNSUPPORTED');
});
