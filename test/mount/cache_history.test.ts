// Files that a mount with a cache opens by itself, to fetch them before a program does: those that their folder lists next, and
// those that were read next the time before. SEED=N repeats the order of the reads.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CacheView } from '../../src/contract/mount_schemas.ts';
import { chanceOf } from './chance.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const [KIB, MIB] = [1024, 1024 * 1024];
const SMALL = 80;
const LARGE = 176;
const ROUNDS = 3;

describe(`a mount of a machine with a cache, file by file, SEED=${SEED}`, { skip }, () => {
  let far: FarRig;
  const here = (name: string) => path.join(far.mountpoint, name);
  const there = (name: string) => path.join(far.source, name);

  before(async () => {
    // more is read than it holds, and the kernel keeps nothing
    far = await startFarMount({ cacheBytes: 16 * MIB, cacheMs: 0, cacheMemoryBytes: 8 * MIB });
    for (const folder of ['small', 'large']) fs.mkdirSync(there(folder));
    for (let at = 0; at < SMALL; at += 1)
      fs.writeFileSync(there(`small/${at}`), Buffer.alloc(8 * KIB, `small ${at} `));
    for (let at = 0; at < LARGE; at += 1)
      fs.writeFileSync(there(`large/${at}`), Buffer.alloc(128 * KIB, `large ${at} `));
    const { ctimeMs } = fs.statSync(there(`large/${LARGE - 1}`));
    await until('the last change is old enough', () => Date.now() - ctimeMs > 2_200);
  });
  after(() => far[Symbol.asyncDispose]());

  it('fetches small files that their folder lists next', async (test) => {
    const names: string[] = [];
    for await (const { name } of await files.opendir(here('small'))) names.push(name);
    assert.equal(names.length, SMALL);
    for (const name of names)
      assert.ok(
        (await files.readFile(here(`small/${name}`))).equals(Buffer.alloc(8 * KIB, `small ${name} `)),
        name,
      );
    const ahead = aheadOf(await cacheOf(far), 'folder');
    test.diagnostic(
      `of ${SMALL * 8} KiB: ${ahead.usedBytes / KIB} KiB were there before they were asked for`,
    );
    assert.ok(ahead.usedBytes >= (SMALL / 2) * 8 * KIB, JSON.stringify(ahead));
    assert.ok(ahead.fetchedBytes <= SMALL * 8 * KIB, 'nothing is fetched twice');
  });

  it('fetches what was read next the time before', async (test) => {
    const chance = chanceOf(SEED);
    const order = Array.from({ length: LARGE }, (_, at) => ({ at, key: chance(2 ** 30) }));
    order.sort((one, other) => one.key - other.key);
    for (let round = 0; round < ROUNDS; round += 1)
      for (const { at } of order)
        assert.ok(
          (await files.readFile(here(`large/${at}`))).equals(Buffer.alloc(128 * KIB, `large ${at} `)),
          `${at} in round ${round}, SEED=${SEED}`,
        );
    const ahead = aheadOf(await cacheOf(far), 'history');
    test.diagnostic(
      `of ${(ROUNDS * LARGE) / 8} MiB: ${(ahead.usedBytes / MIB).toFixed(1)} of ${(ahead.fetchedBytes / MIB).toFixed(1)} MiB that were fetched ahead were of use`,
    );
    assert.ok(ahead.fetchedBytes > 2 * MIB, JSON.stringify(ahead));
    assert.ok(ahead.usedBytes >= 0.8 * ahead.fetchedBytes, JSON.stringify(ahead));
  });
});

function aheadOf({ ahead }: CacheView, kind: CacheView['ahead'][number]['kind']) {
  const found = ahead.find((one) => one.kind === kind);
  assert.ok(found);
  return found;
}

/** The cache of the one mount. */
async function cacheOf(far: FarRig): Promise<CacheView> {
  const [mount] = await far.rig.client.call('listMounts', {});
  assert.ok(mount?.cache, 'the mount has a cache');
  return mount.cache;
}
