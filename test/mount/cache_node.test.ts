// A cache that many machines read through: the host mounts a folder of a machine far away with a cache, and shares that mount with
// machines near it. CACHE_NODE_MACHINES=20 lets so many read (2 as a rule). CACHE_NODE_MS=5 puts so much delay, and
// 100 Mbit/s, before the far machine, and tells how long each one's first read takes.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import type { CacheView } from '../../src/contract/mount_schemas.ts';
import type { Rig } from '../interop/rig.ts';
import { chanceOf } from './chance.ts';
import { DelayProxy } from './delay_proxy.ts';
import { startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const MACHINES = Number(process.env['CACHE_NODE_MACHINES'] ?? 2);
const DELAY_MS = Number(process.env['CACHE_NODE_MS'] ?? 0);
const LINK_BYTES_PER_SECOND = 12_500_000;
const MIB = 1024 * 1024;
const SIZE = DELAY_MS > 0 ? 32 * MIB : 4 * MIB;

function randomBytes(sizeBytes: number, seed: number): Buffer {
  const chance = chanceOf(seed);
  return Buffer.from(Uint32Array.from({ length: sizeBytes / 4 }, () => chance(2 ** 32)).buffer);
}

async function cacheOf(rig: Rig): Promise<CacheView> {
  const [mount] = await rig.client.call('listMounts', {});
  assert.ok(mount?.cache, 'the mount has a cache');
  return mount.cache;
}

it(`${MACHINES} machines read a folder far away through one cache: it is read there once`, {
  skip,
}, async (test) => {
  await using made = new AsyncDisposableStack();
  const between = async (port: number) =>
    made.use(await DelayProxy.start(port, DELAY_MS, LINK_BYTES_PER_SECOND)).port;
  const cache = { cacheBytes: 256 * MIB, cacheMs: 0 };
  const far = made.use(await startFarMount(cache, DELAY_MS > 0 ? { between } : {}));
  const { rig } = far;
  const origin = path.join(far.source, 'hot');
  const [first, second] = [randomBytes(SIZE, 1), randomBytes(SIZE, 2)];
  fs.writeFileSync(origin, first);
  await until('a change of the file would get another time', () => {
    return Date.now() - fs.statSync(origin).ctimeMs > 2_200;
  });
  const readers: { readonly name: string; readonly at: string }[] = [];
  for (let number = 0; number < MACHINES; number += 1) {
    const machine = await rig.addMachine(`near${number}`);
    const at = path.join(machine.files, 'shown');
    const name = `node${number}`;
    const flags = ['--mount', `near${number}:${at}`, '--as-root', '--name', name];
    const { code, err } = await rig.cli('share', 'create', far.mountpoint, ...flags);
    assert.equal(code, 0, err);
    readers.push({ name, at: path.join(at, 'hot') });
  }
  made.defer(async () => {
    for (const { name } of readers) await rig.cli('share', 'rm', name);
  });

  const took: string[] = [];
  for (const { at } of readers) {
    const startMs = performance.now();
    assert.ok((await files.readFile(at)).equals(first));
    took.push(`${((performance.now() - startMs) / 1_000).toFixed(2)} s`);
  }
  assert.equal((await cacheOf(rig)).bytesFetched, SIZE, 'the first one has fetched it for all');
  if (DELAY_MS > 0) test.diagnostic(`${SIZE / MIB} MiB, one machine after the other: ${took.join(', ')}`);

  fs.writeFileSync(origin, second);
  for (const { at } of readers)
    await until('it shows what was changed far away', async () => (await files.readFile(at)).equals(second));

  const [{ at } = { at: '' }] = readers;
  await files.writeFile(at, first);
  assert.ok(fs.readFileSync(origin).equals(first), 'what one writes has arrived when its file is closed');
  for (const { at } of readers)
    await until('the others read it', async () => (await files.readFile(at)).equals(first));
});
