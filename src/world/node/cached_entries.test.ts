import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { RelPath } from '../../base/path.ts';
import type { CachedEntries } from '../cached_entries.ts';
import type { Dir } from '../disk.ts';
import { cachedEntriesOf } from './cached_entries.ts';
import { NodeDir } from './dir.ts';
import { createNodeDisk } from './disk.ts';

const rel = (text: string) => text as RelPath;
const whole = ({ sizeBytes }: { sizeBytes: number }) => ({ start: 0, end: sizeBytes });

/** Does nothing where this kernel, or the file system of temporary files, has no such calls. */
async function withCached(use: (cached: CachedEntries, root: string, dir: Dir) => Promise<void>) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-cached-'));
  try {
    await using dir = await createNodeDisk().openRoot(root);
    const cached = await dir.caps.cached?.();
    if (cached) await use(cached, root, dir);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

test('what is in memory is told as the long way tells it', () =>
  withCached(async (cached, root, dir) => {
    fs.mkdirSync(`${root}/folder`);
    fs.writeFileSync(`${root}/folder/ä file`, 'the bytes of the file', { mode: 0o640 });
    await using folder = await dir.openDir('folder' as never);
    assert.deepEqual(cached.look(rel('folder/ä file')), await folder.stat('ä file' as never));
    assert.deepEqual(cached.look(rel('folder')), await dir.stat('folder' as never));
    assert.deepEqual(cached.look(rel('')), await dir.self());
    const read = cached.read(rel('folder/ä file'), () => ({ start: 4, end: 9 }));
    assert.equal(Buffer.from(read?.bytes ?? []).toString(), 'bytes');
    assert.deepEqual(read?.stat, await folder.stat('ä file' as never));
    assert.equal(cached.read(rel('folder/ä file'), () => null)?.bytes, null);
    assert.equal(
      cached.read(rel('folder/ä file'), () => ({ start: 4, end: 90 })),
      null,
      'it is shorter',
    );
    assert.equal(
      cached.read(rel('folder/ä file'), () => ({ start: 0, end: 2 ** 30 })),
      null,
      'too much',
    );
    assert.throws(() => {
      cached.read(rel('folder/ä file'), () => {
        throw new RangeError('not that');
      });
    }, RangeError);
  }));

test('links, mounts, pipes and folders take the longer way', () =>
  withCached(async (cached, root) => {
    fs.mkdirSync(`${root}/folder`);
    fs.writeFileSync(`${root}/folder/file`, 'mine');
    fs.symlinkSync('folder', `${root}/link`);
    fs.symlinkSync('folder/file', `${root}/last`);
    fs.symlinkSync('/etc', `${root}/out`);
    execFileSync('mkfifo', [`${root}/pipe`]);
    for (const one of ['link/file', 'last', 'out/passwd', 'pipe', '../etc/passwd', '/etc/passwd']) {
      const seen = cached.look(rel(one));
      assert.ok(seen === null || seen === 'missing', one);
      assert.equal(cached.read(rel(one), whole), null, one);
    }
    assert.equal(cached.read(rel('folder'), whole), null);
    assert.equal(cached.look(rel('x'.repeat(5_000))), null);
    await using top = await createNodeDisk().openRoot('/');
    const all = top instanceof NodeDir ? cachedEntriesOf(top, 'ext4') : null;
    assert.equal(all?.look(rel('proc/self')) ?? null, null, 'what is mounted below is not its own');
  }));

test('file systems that may ask others are not trusted with it', async () => {
  await using top = await createNodeDisk().openRoot('/');
  assert.ok(top instanceof NodeDir);
  for (const name of ['nfs', 'fuse', 'cifs', '9p', '0x1234']) assert.equal(cachedEntriesOf(top, name), null);
});

const ROUNDS = 20_000;
const SWAPPER = `
const fs = require('node:fs');
const { workerData: { root, outside, stop } } = require('node:worker_threads');
const flag = new Int32Array(stop);
while (Atomics.load(flag, 0) === 0) {
  fs.renameSync(root + '/victim', root + '/aside');
  fs.symlinkSync(outside, root + '/victim');
  fs.unlinkSync(root + '/victim');
  fs.renameSync(root + '/aside', root + '/victim');
}
`;

test('a folder swapped with a symlink meanwhile leads to no file outside', () =>
  withCached(async (cached, root) => {
    const [inside, outside] = [`${root}/inside`, `${root}/outside`];
    for (const folder of [inside, outside, `${inside}/victim`]) fs.mkdirSync(folder);
    fs.writeFileSync(`${inside}/victim/secret`, 'mine');
    fs.writeFileSync(`${outside}/secret`, 'theirs');
    const stop = new SharedArrayBuffer(4);
    const worker = new Worker(SWAPPER, { eval: true, workerData: { root: inside, outside, stop } });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const found = cached.read(rel('inside/victim/secret'), whole);
        if (found !== null) assert.equal(Buffer.from(found.bytes ?? []).toString(), 'mine');
      }
    } finally {
      Atomics.store(new Int32Array(stop), 0, 1);
      await exited;
    }
  }));
