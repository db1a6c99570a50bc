import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { ROOT } from '../interop/rig.ts';
import { skip, startMount, until } from './rig.ts';

const run = promisify(execFile);
const NODE_ARGS = ['--disable-warning=ExperimentalWarning', path.join(ROOT, 'src/cli/main.ts')];

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);

/** Two folders that are gone in the end. */
function folders(): Disposable & { readonly source: string; readonly mountpoint: string } {
  const base = fs.mkdtempSync('/tmp/cw-mount-');
  fs.chmodSync(base, 0o755);
  const source = path.join(base, 'source');
  const mountpoint = path.join(base, 'mounted');
  fs.mkdirSync(source);
  fs.mkdirSync(mountpoint);
  return {
    source,
    mountpoint,
    [Symbol.dispose]: () => fs.rmSync(base, { recursive: true }),
  };
}

function causeway(...args: readonly string[]) {
  return run(process.execPath, [...NODE_ARGS, ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({ code, out: stdout, err: stderr }),
  );
}

/** As a rule of udev that comes with fuse3 has it; machines without udev have it for root alone. */
function openToAll(device: string): Disposable {
  const { mode } = fs.statSync(device);
  fs.chmodSync(device, 0o666);
  return { [Symbol.dispose]: () => fs.chmodSync(device, mode & 0o777) };
}

/** A mount that is served in the foreground. */
async function foreground(
  source: string,
  mountpoint: string,
  as: { readonly uid?: number; readonly gid?: number } = {},
): Promise<ChildProcess> {
  const args = [...NODE_ARGS, 'mount', '--foreground', '--json', source, mountpoint];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], ...as });
  await once(child.stdout!, 'data');
  return child;
}

const exitOf = async (child: ChildProcess) =>
  child.exitCode ?? child.signalCode ?? (await once(child, 'exit'))[0];

describe('causeway mount', { skip }, () => {
  it('mounts in the background, lists what is mounted, and umount ends it', async () => {
    using at = folders();
    fs.writeFileSync(path.join(at.source, 'file'), 'content');
    const mounted = await causeway('mount', '--json', at.source, at.mountpoint);
    assert.equal(mounted.code, 0, mounted.err);
    const { pid } = JSON.parse(mounted.out);
    assert.equal(fs.readFileSync(path.join(at.mountpoint, 'file'), 'utf8'), 'content');
    assert.ok((await causeway('mount')).out.includes(at.mountpoint));
    const busy = fs.openSync(path.join(at.mountpoint, 'file'), 'r');
    const refused = await causeway('umount', '--json', at.mountpoint);
    assert.equal(JSON.parse(refused.out).error.code, 'CW_DISK_BUSY');
    fs.closeSync(busy);
    assert.equal((await causeway('umount', at.mountpoint)).code, 0);
    assert.ok(!isMounted(at.mountpoint));
    await until('the server has ended', () => !fs.existsSync(`/proc/${pid}`));
    assert.equal((await causeway('umount', at.mountpoint)).code, 1);
  });

  it('says what is wrong with a folder, and mounts none inside itself', async () => {
    using at = folders();
    fs.writeFileSync(path.join(at.source, 'file'), '');
    const inside = path.join(at.source, 'inside');
    fs.mkdirSync(inside);
    const codeOf = async (source: string, mountpoint: string) => {
      const { out, err, code } = await causeway('--json', 'mount', source, mountpoint);
      assert.notEqual(code, 0);
      return `${out}${err}`;
    };
    assert.match(await codeOf(at.source, inside), /CW_USAGE/);
    assert.match(await codeOf(at.source, at.source), /CW_USAGE/);
    assert.match(await codeOf('/', at.mountpoint), /CW_USAGE/);
    assert.match(await codeOf(path.join(at.source, 'nothing'), at.mountpoint), /CW_DISK_NOT_FOUND/);
    assert.match(await codeOf(path.join(at.source, 'file'), at.mountpoint), /CW_DISK_NOT_DIRECTORY/);
    assert.match(await codeOf(at.source, path.join(at.source, 'file')), /CW_DISK_NOT_DIRECTORY/);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`unmounts at ${signal}, from under a program that uses it too`, async () => {
      using at = folders();
      const child = await foreground(at.source, at.mountpoint);
      const held = fs.openSync(path.join(at.mountpoint, 'file'), 'w');
      fs.writeSync(held, 'content');
      child.kill(signal);
      assert.equal(await exitOf(child), 0);
      assert.ok(!isMounted(at.mountpoint));
      assert.throws(() => fs.fstatSync(held), { code: /ENOTCONN|ECONNABORTED/ });
      assert.throws(() => fs.closeSync(held), { code: 'ENOTCONN' });
      assert.equal(fs.readFileSync(path.join(at.source, 'file'), 'utf8'), 'content');
    });

  it('leaves no mount behind when it is killed', async () => {
    using at = folders();
    const child = await foreground(at.source, at.mountpoint);
    fs.writeFileSync(path.join(at.mountpoint, 'file'), 'content');
    child.kill('SIGKILL');
    await exitOf(child);
    await until('the mount is gone', () => !isMounted(at.mountpoint));
    assert.equal(fs.readFileSync(path.join(at.source, 'file'), 'utf8'), 'content');
  });

  it('works for a user who is not root, and for nobody else then', async () => {
    using at = folders();
    using _device = openToAll('/dev/fuse');
    const user = { uid: 65_534, gid: 65_534 };
    for (const folder of [at.source, at.mountpoint]) fs.chownSync(folder, user.uid, user.gid);
    const child = await foreground(at.source, at.mountpoint, user);
    assert.ok(isMounted(at.mountpoint));
    const file = path.join(at.mountpoint, 'file');
    await run('sh', ['-c', `echo hello >${file} && cat ${file}`], user);
    assert.throws(() => fs.readFileSync(file), { code: 'EACCES' });
    assert.equal(fs.statSync(path.join(at.source, 'file')).uid, user.uid);
    child.kill('SIGTERM');
    assert.equal(await exitOf(child), 0);
    assert.ok(!isMounted(at.mountpoint));
  });

  it('changes nothing where it is read-only', async () => {
    await using rig = await startMount({ readOnly: true });
    fs.writeFileSync(path.join(rig.source, 'file'), 'content');
    const file = path.join(rig.mountpoint, 'file');
    assert.equal(fs.readFileSync(file, 'utf8'), 'content');
    for (const change of [
      () => fs.writeFileSync(file, ''),
      () => fs.mkdirSync(path.join(rig.mountpoint, 'folder')),
      () => fs.unlinkSync(file),
      () => fs.chmodSync(file, 0o600),
      () => fs.renameSync(file, `${file}2`),
    ])
      assert.throws(change, { code: 'EROFS' });
  });

  it('shows what is changed below it', async () => {
    await using rig = await startMount({ cacheMs: 0 });
    const file = path.join(rig.mountpoint, 'file');
    fs.writeFileSync(file, 'one');
    assert.equal(fs.readFileSync(file, 'utf8'), 'one');
    fs.writeFileSync(path.join(rig.source, 'file'), 'two and more');
    assert.equal(fs.readFileSync(file, 'utf8'), 'two and more');
    fs.renameSync(path.join(rig.source, 'file'), path.join(rig.source, 'other'));
    assert.throws(() => fs.statSync(file), { code: 'ENOENT' });
    assert.deepEqual(fs.readdirSync(rig.mountpoint), ['other']);
    fs.rmSync(path.join(rig.source, 'other'));
    fs.symlinkSync('/etc/passwd', path.join(rig.source, 'other'));
    assert.equal(fs.readlinkSync(path.join(rig.mountpoint, 'other')), '/etc/passwd');
  });
});
