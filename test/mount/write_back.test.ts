// `causeway mount VM:/FOLDER PLACE --cache-policy write-back`: a real mount, a daemon and an agent in processes of their own.
// UNTAR=10000 unpacks so many files over a link of 5 ms each way and 100 Mbit/s, and 2,000 with the policy write-through beside it.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { AddMountRequest } from '../../src/contract/mount_schemas.ts';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import type { Rig } from '../interop/rig.ts';
import { DelayProxy } from './delay_proxy.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const WRITE_BACK: Partial<AddMountRequest> = { cachePolicy: 'write-back' };

/** Beside the proxy, which is in this process. */
const exec = promisify(execFile);
const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);

async function clean({ rig, mountpoint }: FarRig, timeoutS = 60): Promise<void> {
  const { code, out, err } = await rig.cli(
    '--json',
    'cache',
    'wait',
    '--clean',
    '--timeout',
    String(timeoutS),
    mountpoint,
  );
  assert.equal(code, 0, out + err);
}

/** All of a folder: paths, kinds, modes, content, and times of files. */
function treeOf(folder: string): string[] {
  const found: string[] = [];
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const at = path.join(entry.parentPath, entry.name);
    const stat = fs.lstatSync(at, { bigint: true });
    const mode = Number(stat.mode).toString(8);
    const what = entry.isFile()
      ? `${fs.readFileSync(at, 'utf8')} ${stat.mtimeNs}`
      : entry.isSymbolicLink()
        ? fs.readlinkSync(at)
        : '';
    found.push(`${path.relative(folder, at)} ${mode} ${what}`);
  }
  return found.sort();
}

describe('a mount in which writes wait', { skip }, () => {
  it('shows at once what is written, and has it on the machine once the cache is clean', async () => {
    await using far = await startFarMount(WRITE_BACK);
    const { source, mountpoint } = far;
    const at = (name: string) => path.join(mountpoint, name);
    fs.writeFileSync(path.join(source, 'there'), 'from the machine');
    assert.equal(await files.readFile(at('there'), 'utf8'), 'from the machine');
    await files.mkdir(at('folder/deep'), { recursive: true });
    await files.writeFile(at('folder/deep/file'), 'x'.repeat(3_000_000), { mode: 0o640 });
    await files.appendFile(at('there'), ', and more');
    await files.symlink('deep/file', at('folder/link'));
    await files.writeFile(at('gone'), 'gone');
    await files.rm(at('gone'));
    await files.writeFile(at('named.part'), 'renamed');
    await files.rename(at('named.part'), at('named'));
    await files.utimes(at('named'), 1_000_000, 1_000_000.5);
    await files.truncate(at('folder/deep/file'), 2_000_000);
    await files.chmod(at('folder/deep/file'), 0o600);
    const shown = treeOf(mountpoint);
    assert.deepEqual(
      shown.map((line) => line.split(' ')[0]),
      ['folder', 'folder/deep', 'folder/deep/file', 'folder/link', 'named', 'there'],
    );
    assert.equal(fs.readFileSync(path.join(source, 'there'), 'utf8'), 'from the machine', 'it waits');
    await clean(far);
    assert.deepEqual(treeOf(source), shown);
    assert.deepEqual(treeOf(mountpoint), shown);
    await files.rename(at('folder'), at('other'));
    assert.equal(fs.readFileSync(path.join(source, 'other/deep/file')).length, 2_000_000);
  });

  it('keeps what was acknowledged through a kill of the daemon, and merges nothing that was changed on both sides', async () => {
    await using far = await startFarMount(WRITE_BACK);
    const { rig, source, mountpoint } = far;
    const at = (name: string) => path.join(mountpoint, name);
    for (const name of ['both', 'removed']) fs.writeFileSync(path.join(source, name), 'before');
    await files.appendFile(at('both'), ', and by the host');
    await files.rm(at('removed'));
    await files.mkdir(at('new'));
    const open = await files.open(at('new/fsynced'), 'w');
    await open.write('fsynced');
    await open.sync();
    await files.writeFile(at('new/closed'), 'closed');
    await open.write(', and only written');
    const shown = treeOf(mountpoint);
    await rig.daemon.kill();
    await open.close().catch(() => undefined); // of a mount that is dead
    await until('the dead mount is gone', () => !isMounted(mountpoint));
    rig.startDaemon();
    await rig.daemon.ready;
    await until('it is mounted again', () => isMounted(mountpoint));
    assert.deepEqual(treeOf(mountpoint), shown);
    fs.writeFileSync(path.join(source, 'both'), 'changed by the machine');
    await clean(far);
    const content = (name: string) => fs.readFileSync(path.join(source, name), 'utf8');
    assert.equal(content('both'), 'changed by the machine');
    assert.equal(content('both.conflict-1'), `${'changed by the machine'.slice(0, 6)}, and by the host`);
    assert.equal(content('new/fsynced'), 'fsynced, and only written');
    assert.equal(content('new/closed'), 'closed');
    assert.ok(!fs.existsSync(path.join(source, 'removed')));
    assert.deepEqual(fs.readdirSync(source).sort(), ['both', 'both.conflict-1', 'new']);
    const { waiting } = JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    assert.equal(waiting[0].waiting.conflicts[0].keptAs, 'both.conflict-1');
  });

  it('is not taken away while the machine does not have what was written, and written to meanwhile', async () => {
    await using far = await startFarMount(WRITE_BACK);
    const { rig, source, mountpoint } = far;
    await files.mkdir(path.join(mountpoint, 'new'));
    await rig.agent.kill();
    await files.writeFile(path.join(mountpoint, 'new/offline'), 'written while the machine was away');
    const wait = await rig.cli('--json', 'cache', 'wait', '--clean', '--timeout', '0', mountpoint);
    assert.equal(wait.code, 1);
    assert.equal(JSON.parse(wait.out).caches[0].waiting.changes, 2);
    const leaving = rig.cli('umount', mountpoint);
    rig.startAgent();
    assert.equal((await leaving).code, 0);
    assert.ok(!isMounted(mountpoint));
    assert.equal(
      fs.readFileSync(path.join(source, 'new/offline'), 'utf8'),
      'written while the machine was away',
    );
    assert.deepEqual(
      fs.readdirSync(path.join(rig.folder, 'host')).filter((one) => one.includes('journal')),
      [],
    );
  });

  it('takes the files of an archive over a slow link, and has them all on the machine once it is clean', async () => {
    const proxies: DelayProxy[] = [];
    const between = async (port: number) => {
      const proxy = await DelayProxy.start(port, 5, 100e6 / 8);
      proxies.push(proxy);
      return proxy.port;
    };
    try {
      await using far = await startFarMount(WRITE_BACK, { between });
      const { rig, source, mountpoint } = far;
      const count = Number(process.env['UNTAR'] ?? 60);
      const [packed, archive] = packedFiles(rig.folder, count);
      const startMs = performance.now();
      await exec('tar', ['-xf', archive, '-C', mountpoint]);
      const tookMs = performance.now() - startMs;
      await clean(far, Math.max(60, count / 10));
      const cleanMs = performance.now() - startMs;
      assert.deepEqual(treeOf(path.join(source, 'files')), treeOf(packed));
      if (process.env['UNTAR'] === undefined) return;
      const through = await throughMs(rig, packedFiles(rig.folder, Math.min(count, 2_000))[1]);
      const each = [tookMs / count, through / Math.min(count, 2_000)] as const;
      process.stdout.write(
        `untar of ${count} files: ${(tookMs / 1_000).toFixed(1)} s, clean after ${(cleanMs / 1_000).toFixed(1)} s; ` +
          `${each[0].toFixed(2)} ms a file, write-through ${each[1].toFixed(2)} ms, ${(each[1] / each[0]).toFixed(1)} times\n`,
      );
      assert.ok(each[1] >= 10 * each[0], 'ten times as fast');
    } finally {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    }
  });
});

/** A folder of small files, 100 in each of its folders, and an archive of it. */
function packedFiles(folder: string, count: number): [packed: string, archive: string] {
  const packed = path.join(folder, `packed-${count}`, 'files');
  for (let index = 0; index < count; index += 1) {
    const at = path.join(packed, `folder-${Math.floor(index / 100)}`);
    if (index % 100 === 0) fs.mkdirSync(at, { recursive: true });
    fs.writeFileSync(path.join(at, `file-${index}`), `${index}\n`.repeat(1 + (index % 300)));
  }
  const archive = path.join(folder, `${count}.tar`);
  execFileSync('tar', ['-cf', archive, '--format=posix', '-C', path.dirname(packed), 'files']);
  return [packed, archive];
}

/** How long the archive takes through a mount whose writes do not wait. */
async function throughMs(rig: Rig, archive: string): Promise<number> {
  const [source, mountpoint] = [path.join(rig.guestFiles, 'through'), path.join(rig.hostFiles, 'through')];
  for (const at of [source, mountpoint]) fs.mkdirSync(at);
  await rig.client.call('addMount', {}, { vm: 'vm', folder: source, mountpoint, asRoot: true });
  const startMs = performance.now();
  await exec('tar', ['-xf', archive, '-C', mountpoint]);
  const tookMs = performance.now() - startMs;
  await rig.client.call('removeMount', {}, { mountpoint });
  return tookMs;
}
