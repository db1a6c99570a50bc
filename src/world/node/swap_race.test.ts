import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { CausewayError } from '../../base/errors.ts';
import { parseName } from '../../base/path.ts';
import { createNodeDisk } from './disk.ts';

const ATTEMPTS = 1500;

/** Swaps `victim` between a real folder and a symlink to `outside`, as fast as it can, until told to stop. */
const SWAPPER = `
const fs = require('node:fs');
const { workerData: { root, outside, stop } } = require('node:worker_threads');
const flag = new Int32Array(stop);
while (Atomics.load(flag, 0) === 0) {
  fs.renameSync(root + '/victim', root + '/aside');
  fs.symlinkSync(outside, root + '/victim');
  fs.unlinkSync(root + '/victim');
  fs.renameSync(root + '/aside', root + '/victim');
  Atomics.add(flag, 1, 1);
}
`;

for (const mode of ['async', 'blocking'] as const) {
  test(`a folder swapped with a symlink while others open below it never leads outside (${mode})`, async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-swap-'));
    const inside = `${root}/inside`;
    const outside = `${root}/outside`;
    for (const folder of [inside, outside, `${inside}/victim`]) fs.mkdirSync(folder);
    fs.writeFileSync(`${inside}/victim/secret`, 'mine');
    fs.writeFileSync(`${outside}/secret`, 'theirs');
    const stop = new SharedArrayBuffer(8);
    const flag = new Int32Array(stop);
    const worker = new Worker(SWAPPER, { eval: true, workerData: { root: inside, outside, stop } });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    try {
      await using dir = await createNodeDisk({ mode }).openRoot(inside);
      const seen = { read: 0, refused: 0 };
      const victim = parseName('victim');
      for (let attempt = 0; attempt < ATTEMPTS || seen.refused === 0 || seen.read === 0; attempt++) {
        assert.ok(attempt < 200 * ATTEMPTS, `one of the two was never met: ${JSON.stringify(seen)}`);
        try {
          await using below = await dir.openDir(victim);
          await using file = await below.openFile(parseName('secret'), 'read');
          const into = new Uint8Array(16);
          const count = await file.read(into, 0);
          assert.equal(Buffer.from(into.subarray(0, count)).toString(), 'mine');
          const made = await below.openFile(parseName('made'), 'append');
          await made.close();
          seen.read += 1;
        } catch (thrown) {
          if (!(thrown instanceof CausewayError)) throw thrown;
          assert.match(thrown.code, /^CW_DISK_(SYMLINK|NOT_FOUND|NOT_DIRECTORY)$/);
          seen.refused += 1;
        }
      }
      assert.deepEqual(fs.readdirSync(outside), ['secret']);
    } finally {
      Atomics.store(flag, 0, 1);
      await exited;
      fs.rmSync(root, { recursive: true, force: true });
    }
    assert.ok((flag[1] as number) > 0, 'the folder was swapped');
  });
}
