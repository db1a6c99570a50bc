// `causeway mount VM:/FOLDER PLACE` with a daemon and an agent in processes of their own, over TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { FaultProxy } from '../interop/fault_proxy.ts';
import { Rig } from '../interop/rig.ts';
import { startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
/** How far the kernel reads ahead in what is mounted there. */
function readAheadOf(at: string): number {
  const device = listFuseMounts().find(({ mountpoint }) => mountpoint === at)?.device;
  return Number(fs.readFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, 'utf8')) * 1024;
}

const SERVED_AGAIN_MS = 20_000;

/** What `causeway mount` lists there. */
async function listedAt(rig: Rig, mountpoint: string): Promise<unknown[]> {
  const { mounts } = JSON.parse((await rig.cli('--json', 'mount')).out);
  return mounts.filter((one: { readonly mountpoint: string }) => one.mountpoint === mountpoint);
}

/** What comes of it once it does not fail any more. */
async function atLast<T>(what: string, call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + SERVED_AGAIN_MS;
  for (;;)
    try {
      return await call();
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`it never came to be that ${what}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

describe('a folder of a machine that is mounted on the host', { skip }, () => {
  it('is mounted, listed and unmounted by the command line, and clear about what is wrong', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, mountpoint] = [path.join(rig.guestFiles, 'data'), path.join(rig.hostFiles, 'place')];
    for (const at of [source, mountpoint]) fs.mkdirSync(at);
    fs.writeFileSync(path.join(source, 'file'), 'content');
    const codeOf = async (...args: string[]) => {
      const { out, err, code } = await rig.cli('--json', 'mount', ...args);
      return code === 0 ? 'ok' : /CW_[A-Z_]+/.exec(`${out}${err}`)?.[0];
    };
    assert.equal(await codeOf(`vm:${source}`, mountpoint), process.getuid?.() === 0 ? 'CW_MOUNT_ROOT' : 'ok');
    assert.equal(await codeOf(`vm:${source}/no`, mountpoint), 'CW_DISK_NOT_FOUND');
    assert.equal(await codeOf(`vm:${source}/file`, mountpoint), 'CW_DISK_NOT_DIRECTORY');
    assert.equal(await codeOf(`other:${source}`, mountpoint), 'CW_VM_UNKNOWN');
    assert.equal(await codeOf('vm:data', mountpoint), 'CW_USAGE');
    assert.ok(!isMounted(mountpoint));
    assert.equal(await codeOf('--as-root', `vm:${source}`, mountpoint), 'ok');
    assert.equal(await codeOf('--as-root', `vm:${source}`, mountpoint), 'CW_MOUNT_EXISTS');
    if (process.getuid?.() === 0) assert.equal(readAheadOf(mountpoint), LIMITS.mountReadAheadBytes.value);
    assert.equal(await files.readFile(path.join(mountpoint, 'file'), 'utf8'), 'content');
    const listed = await listedAt(rig, mountpoint);
    assert.deepEqual(listed, [{ source: `vm:${source}`, mountpoint, state: 'mounted', error: null }]);
    assert.equal((await rig.cli('umount', mountpoint)).code, 0);
    assert.ok(!isMounted(mountpoint));
    assert.deepEqual(await listedAt(rig, mountpoint), []);
  });

  it('shows all as the one who mounts, does all as the owner of the folder, and writes nothing where it is read-only', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const source = path.join(rig.guestFiles, 'data');
    const [place, fixed] = [path.join(rig.hostFiles, 'place'), path.join(rig.hostFiles, 'fixed')];
    for (const at of [rig.folder, rig.guestFiles]) fs.chmodSync(at, 0o755);
    for (const at of [source, place, fixed]) fs.mkdirSync(at);
    fs.chownSync(source, 4_711, 4_712);
    fs.writeFileSync(path.join(source, 'secret'), 'of root', { mode: 0o600 });
    const mounted = { vm: 'vm', folder: source };
    await rig.client.call('addMount', {}, { ...mounted, mountpoint: place });
    await rig.client.call('addMount', {}, { ...mounted, mountpoint: fixed, readOnly: true });
    await files.writeFile(path.join(place, 'new'), 'made there');
    const { uid, gid } = fs.statSync(path.join(source, 'new'));
    assert.deepEqual([uid, gid], [4_711, 4_712]);
    const shown = await files.stat(path.join(place, 'new'));
    assert.equal(shown.uid, process.getuid?.());
    await assert.rejects(files.readFile(path.join(place, 'secret'), 'utf8'), /EACCES/);
    await assert.rejects(files.chown(path.join(place, 'new'), 1, 1), /EPERM/);
    await assert.rejects(files.chmod(path.join(place, 'new'), 0o4755), /EPERM/);
    await assert.rejects(files.writeFile(path.join(fixed, 'other'), ''), /EROFS/);
    assert.equal(await files.readFile(path.join(fixed, 'new'), 'utf8'), 'made there');
  });

  it('goes on by itself after the agent was killed, and after the daemon was', async () => {
    await using far = await startFarMount();
    const { rig, mountpoint } = far;
    const file = path.join(mountpoint, 'file');
    await files.writeFile(file, 'before');
    await rig.agent.kill();
    await assert.rejects(files.stat(path.join(mountpoint, 'other')), /ENOTCONN|EIO/);
    rig.startAgent();
    assert.equal(await atLast('it is served again', () => files.readFile(file, 'utf8')), 'before');
    await files.writeFile(file, 'after');
    await rig.daemon.kill();
    await until('the dead mount is gone', () => !isMounted(mountpoint));
    rig.startDaemon();
    await rig.daemon.ready;
    const read = async () => {
      if (!isMounted(mountpoint)) throw new Error('it is not mounted');
      return files.readFile(file, 'utf8');
    };
    assert.equal(await atLast('it is mounted again', read), 'after');
  });

  it('keeps what is open over a cut of the connection, a file without a name too', async () => {
    let proxy: FaultProxy | null = null;
    const between = async (port: number) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    };
    await using far = await startFarMount({}, { between });
    const at = path.join(far.mountpoint, 'gone');
    await using file = await files.open(at, 'w+');
    await file.write('before');
    await files.unlink(at);
    const cut = () => (proxy as unknown as FaultProxy).cut();
    cut();
    await file.write(' and after', 6);
    cut();
    await file.sync();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    assert.equal(buffer.toString('utf8', 0, bytesRead), 'before and after');
    await assert.rejects(files.stat(at), { code: 'ENOENT' });
    await (proxy as unknown as FaultProxy)[Symbol.asyncDispose]();
  });

  it('lets programs write on while the other machine is waited for, and close when it has all, over cuts too', async () => {
    let proxy: FaultProxy | null = null;
    const between = async (port: number) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    };
    await using far = await startFarMount({}, { between });
    const faults = proxy as unknown as FaultProxy;
    const at = path.join(far.mountpoint, 'file');
    const file = await files.open(at, 'w');
    faults.stalled = true;
    const wanted: Buffer[] = [];
    for (const sizeBytes of [...new Array(40).fill(4_096), ...new Array(12).fill(65_536), 1024 * 1024]) {
      wanted.push(Buffer.alloc(sizeBytes, wanted.length));
      await file.write(wanted.at(-1)!);
    }
    assert.equal(fs.statSync(path.join(far.source, 'file')).size, 0, 'nothing has got through yet');
    const closed = file.close();
    faults.stalled = false;
    faults.cut();
    await closed;
    assert.ok(fs.readFileSync(path.join(far.source, 'file')).equals(Buffer.concat(wanted)));
    await faults[Symbol.asyncDispose]();
  });

  it('tells at close or fsync what became of writes that nobody has waited for', async () => {
    await using far = await startFarMount();
    const small = path.join(far.source, 'small');
    fs.mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'small', small]);
    try {
      const fill = async (end: (file: files.FileHandle) => Promise<void>) => {
        const file = await files.open(path.join(far.mountpoint, 'small', 'full'), 'w');
        try {
          for (let piece = 0; piece < 80; piece += 1) await file.write(Buffer.alloc(32_768));
          await end(file);
        } finally {
          await file.close().catch(() => undefined);
        }
      };
      await assert.rejects(
        fill((file) => file.close()),
        { code: 'ENOSPC' },
      );
      await assert.rejects(
        fill((file) => file.sync()),
        { code: 'ENOSPC' },
      );
      await files.writeFile(path.join(far.mountpoint, 'small', 'full'), 'fits');
      assert.equal(fs.readFileSync(path.join(small, 'full'), 'utf8'), 'fits');
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });
});
