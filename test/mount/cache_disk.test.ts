// A mount with a cache whose disk fills up, becomes read-only, and goes away, while it is read: a tmpfs of its own, so for root only.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CacheView } from '../../src/contract/mount_schemas.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const MIB = 1024 * 1024;
const NAMES = ['before', 'full', 'read-only', 'gone', 'after'];
const contentOf = (name: string) => Buffer.alloc(3 * MIB, `${name} `);
const run = (...[command = '', ...args]: string[]) => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
};

const disks = () => {
  let far: FarRig;
  let disk: string;
  let isMounted = false;
  const there = (name: string) => path.join(far.source, name);
  const isRight = async (name: string) =>
    assert.ok((await files.readFile(path.join(far.mountpoint, name))).equals(contentOf(name)), name);
  const stateOf = async (): Promise<CacheView['state'] | undefined> => {
    const [mount] = await far.rig.client.call('listMounts', {});
    return mount?.cache?.state;
  };

  before(async () => {
    disk = fs.mkdtempSync(path.join(tmpdir(), 'causeway-cache-disk-'));
    run('mount', '-t', 'tmpfs', '-o', 'size=544m', 'tmpfs', disk);
    isMounted = true;
    const cache = { cacheBytes: 64 * MIB, cacheMs: 0, cacheMemoryBytes: 0, cacheFolder: disk };
    far = await startFarMount(cache);
    for (const name of NAMES) fs.writeFileSync(there(name), contentOf(name));
    const { ctimeMs } = fs.statSync(there('after'));
    await until('the last change is old enough', () => Date.now() - ctimeMs > 2_200);
  });
  after(async () => {
    await far?.[Symbol.asyncDispose]();
    if (isMounted) spawnSync('umount', ['-l', disk]);
    fs.rmSync(disk, { recursive: true }); // while the disk was away the cache may have made its folder in its place
  });

  it('keeps nothing more where its disk is full, and serves what it has', async () => {
    await isRight('before');
    run('dd', 'if=/dev/zero', `of=${path.join(disk, 'others')}`, 'bs=1M', 'count=40', 'status=none');
    await isRight('full');
    await isRight('before');
    await isRight('full');
    fs.rmSync(path.join(disk, 'others'));
  });

  it('goes on where its disk is read-only after a restart, and says so', async () => {
    await far.rig.daemon.kill(); // a file system with files that are open for writing stays writable
    run('mount', '-o', 'remount,ro', disk);
    far.rig.startDaemon();
    await far.rig.daemon.ready;
    await until('it is mounted again', () => fs.existsSync(path.join(far.mountpoint, 'before')));
    await isRight('read-only');
    await isRight('before');
    assert.equal(await stateOf(), 'read-only');
  });

  it('goes on where its disk goes away, and takes another one that comes in its place', async () => {
    run('umount', '-l', disk);
    isMounted = false;
    await isRight('gone');
    await isRight('before');
    run('mount', '-t', 'tmpfs', '-o', 'size=544m', 'tmpfs', disk);
    isMounted = true;
    for (let round = 0; round < 3; round += 1) for (const name of NAMES) await isRight(name);
    assert.ok(await stateOf());
  });
};
if (skip !== false || process.getuid?.() === 0)
  describe('a mount of a machine with a cache on a disk that fails', { skip }, disks);
