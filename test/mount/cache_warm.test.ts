// What was read after a start of the daemon comes from the disk of the cache into memory after the next one.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { until as untilIn } from '../interop/rig.ts';
import { startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const MIB = 1024 * 1024;
const COUNT = 8;
/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;

describe('a mount of a machine with a cache, after a start', { skip }, () => {
  it('has in memory what was read after the last one, and tells how much of it was of use', async () => {
    await using far = await startFarMount({
      ...{ cacheBytes: 64 * MIB, cacheMs: 0, cacheMemoryBytes: 32 * MIB },
    });
    const { rig, source, mountpoint } = far;
    const cache = async () => (await rig.client.call('listMounts', {}))[0]?.cache ?? null;
    const started = async () => (await cache())?.ahead.find(({ kind }) => kind === 'start');
    const content = (at: number) => Buffer.alloc(MIB, `file ${at} `);
    const read = async (at: number) =>
      assert.ok((await files.readFile(path.join(mountpoint, `${at}`))).equals(content(at)), `${at}`);
    for (let at = 0; at < COUNT; at += 1) fs.writeFileSync(path.join(source, `${at}`), content(at));
    const { ctimeMs } = fs.statSync(path.join(source, `${COUNT - 1}`));
    await until('the last change is old enough', () => Date.now() - ctimeMs > 2_200);
    for (let at = 0; at < COUNT; at += 1) await read(at);
    await untilIn('all of it is sealed and written', AGAIN_MS, async () =>
      ((await cache())?.residentBytes ?? 0) >= COUNT * MIB ? true : null,
    );
    await rig.daemon.kill('SIGTERM');
    rig.startDaemon();
    await rig.daemon.ready;
    await untilIn('it is in memory', AGAIN_MS, async () =>
      ((await started())?.fetchedBytes ?? 0) >= COUNT * MIB ? true : null,
    );
    for (let at = 0; at < COUNT / 2; at += 1) await read(at);
    const { usedBytes = 0 } = (await started()) ?? {};
    assert.equal(usedBytes, (COUNT / 2) * MIB);
    const tiers = (await cache())?.reads.filter(({ count }) => count > 0).map(({ tier }) => tier);
    assert.deepEqual(tiers, ['memory']);
  });
});
