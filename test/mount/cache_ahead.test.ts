// What a mount with a cache fetches before it is asked for, with a daemon and an agent in processes of their own. AHEAD_MIB=N
// sets the size of the files.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CacheView } from '../../src/contract/mount_schemas.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const MIB = 1024 * 1024;
const SIZE_BYTES = Number(process.env['AHEAD_MIB'] ?? 24) * MIB;
const ATTEMPTS = 20;
const NAMES = ['sequential', 'strided', 'kept', 'written'];

const pattern = (name: string) => {
  const numbers = new Uint32Array(SIZE_BYTES / 4);
  const first = NAMES.indexOf(name) * numbers.length;
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = first + at;
  return Buffer.from(numbers.buffer);
};

describe('a mount of a machine with a cache, read by a pattern', { skip }, () => {
  let far: FarRig;
  const here = (name: string) => path.join(far.mountpoint, name);
  const there = (name: string) => path.join(far.source, name);
  const isRight = async (name: string, content: Buffer) =>
    assert.ok((await files.readFile(here(name))).equals(content), name);

  before(async () => {
    far = await startFarMount({ cacheBytes: 512 * MIB, cacheMs: 1_000, cacheMemoryBytes: 64 * MIB });
    for (const name of NAMES) fs.writeFileSync(there(name), pattern(name));
    const changedMs = Math.max(...NAMES.map((name) => fs.statSync(there(name)).ctimeMs));
    await until('the last change is old enough', () => Date.now() - changedMs > 2_200);
  });
  after(() => far[Symbol.asyncDispose]());

  it('has more than 85 % of a file that is read in order before it is asked for', async (test) => {
    const first = await cacheOf(far);
    await isRight('sequential', pattern('sequential'));
    const rate = rateOf(first, await cacheOf(far));
    test.diagnostic(`hits: ${(100 * rate).toFixed(1)} %`);
    assert.ok(rate > 0.85, `${rate}`);
  });

  it('has more than 85 % of what is read by a fixed step, and fetches hardly anything else', async (test) => {
    const [stepBytes, pieceBytes] = [256 * 1024, 64 * 1024];
    const bytes = pattern('strided');
    const first = await cacheOf(far);
    await using file = await files.open(here('strided'));
    for (let at = 0; at < SIZE_BYTES; at += stepBytes) {
      const piece = Buffer.alloc(pieceBytes);
      await file.read(piece, 0, pieceBytes, at);
      assert.ok(piece.equals(bytes.subarray(at, at + pieceBytes)), `at ${at}`);
    }
    const last = await cacheOf(far);
    const rate = rateOf(first, last);
    test.diagnostic(`hits: ${(100 * rate).toFixed(1)} %`);
    assert.ok(rate > 0.85, `${rate}`);
    const [ahead] = last.ahead;
    assert.ok(
      ahead !== undefined && ahead.wastedBytes <= ahead.fetchedBytes / 20,
      JSON.stringify(last.ahead),
    );
  });

  it('leaves to the kernel what it has read, until the file is changed', async () => {
    const bytes = pattern('kept');
    await isRight('kept', bytes);
    let [askedBytes, attempts] = [SIZE_BYTES, 0];
    // a machine that is short of memory may have dropped it all by itself
    for (; askedBytes >= SIZE_BYTES && attempts < ATTEMPTS; attempts += 1) {
      const first = await cacheOf(far);
      await isRight('kept', bytes);
      askedBytes = (await cacheOf(far)).bytesAsked - first.bytesAsked;
    }
    assert.ok(askedBytes < SIZE_BYTES, 'the kernel had some of it');
    const changed = Buffer.from(bytes).fill('changed', MIB, MIB + 70_000);
    const old = fs.statSync(there('kept'));
    fs.writeFileSync(there('kept'), changed);
    fs.utimesSync(there('kept'), old.atime, old.mtime);
    // the notice of what a program over there has changed comes a little later, also for who opens the file
    await until('the change shows', async () => (await files.readFile(here('kept'))).equals(changed));
  });

  it('reads what was written through it, over what the kernel had', async () => {
    const bytes = pattern('written');
    await isRight('written', bytes);
    await isRight('written', bytes);
    await using file = await files.open(here('written'), 'r+');
    await file.write(Buffer.alloc(100_000, 'w'), 0, 100_000, 3 * MIB);
    bytes.fill('w', 3 * MIB, 3 * MIB + 100_000);
    await isRight('written', bytes);
    await file.truncate(4 * MIB);
    await isRight('written', bytes.subarray(0, 4 * MIB));
  });

  it('tells from where it answered, and what was of use', async () => {
    const cache = await cacheOf(far);
    const answered = cache.reads.reduce((sum, { count }) => sum + count, 0);
    assert.ok(answered > 0);
    for (const { upTo, count } of cache.reads) {
      assert.deepEqual(
        upTo,
        [...upTo].sort((one, other) => one - other),
      );
      assert.ok((upTo.at(-1) ?? 0) <= count);
    }
    const { out } = await far.rig.cli('cache', 'status');
    assert.match(out, /AHEAD +IN VAIN/);
  });
});

/** Of the bytes that were asked for in between. */
function rateOf(first: CacheView, last: CacheView): number {
  return (last.bytesFromCache - first.bytesFromCache) / (last.bytesAsked - first.bytesAsked);
}

/** The cache of the one mount. */
async function cacheOf(far: FarRig): Promise<CacheView> {
  const [mount] = await far.rig.client.call('listMounts', {});
  assert.ok(mount?.cache, 'the mount has a cache');
  return mount.cache;
}
