// Leases of mounts with a cache: opening what is known asks nobody, and what others write is waited for. A daemon and an agent
// in processes of their own, over TLS. LEASE_BREAKS=N measures so many breaks.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { LIMITS } from '../../src/base/limits.ts';
import { until as within } from '../interop/rig.ts';
import { DelayProxy } from './delay_proxy.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

const MIB = 1024 * 1024;
const CACHE = { cacheBytes: 64 * MIB };
const OPENS = 200;
/** OPEN, STATX and RELEASE, each with what the link adds. */
const OPEN_BYTES = 300;
const LINK_MS = 5;
const BREAKS = Number(process.env['LEASE_BREAKS'] ?? 40);
const FILES = 8;
const COMMITS = 3;
/** What the tests of two mounts use, each its own. */
const FOLDERS = [
  'written',
  'cut',
  'mode',
  'replaced',
  'removed',
  'renamed',
  'folder',
  'there',
  'mine',
  'breaks',
] as const;
const DEADLINE_MS = 20_000;
const SETTLED_MS = LIMITS.cacheSettledMs.value + 100;
const run = promisify(execFile);

/** Waits until a further change of what is in the folder gets another time for sure. */
const settled = (folder: string) =>
  within('the last change is old enough', DEADLINE_MS, async () => {
    const changedMs = fs.readdirSync(folder).map((name) => fs.statSync(path.join(folder, name)).ctimeMs);
    return Date.now() - Math.max(...changedMs) > SETTLED_MS ? true : null;
  });

describe('leases of a mount over a link with a delay', { skip }, () => {
  it('opens, reads and closes a file that it knows without asking', async (test) => {
    const proxies: DelayProxy[] = [];
    const between = async (port: number) => {
      const proxy = await DelayProxy.start(port, LINK_MS);
      proxies.push(proxy);
      return proxy.port;
    };
    await using far = await startFarMount(CACHE, { between });
    const sentBytes = () => proxies.reduce((sum, proxy) => sum + proxy.sentBytes, 0);
    fs.writeFileSync(path.join(far.source, 'file'), 'known');
    await settled(far.source);
    const here = path.join(far.mountpoint, 'file');
    assert.equal(await files.readFile(here, 'utf8'), 'known');
    const before = sentBytes();
    const start = performance.now();
    for (let open = 0; open < OPENS; open += 1) assert.equal(await files.readFile(here, 'utf8'), 'known');
    const tookMs = (performance.now() - start) / OPENS;
    const bytes = sentBytes() - before;
    test.diagnostic(
      `${LINK_MS} ms each way: ${tookMs.toFixed(2)} ms and ${bytes / OPENS} bytes for an open, a read and a close`,
    );
    assert.ok(bytes < (OPENS * OPEN_BYTES) / 3, `${bytes} bytes were sent`);
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  });
});

describe('leases of two mounts of one folder', { skip }, () => {
  let far: FarRig;
  let secondPlace: string;
  const first = (name: string) => path.join(far.mountpoint, name);
  const second = (name: string) => path.join(secondPlace, name);
  const there = (name: string) => path.join(far.source, name);
  const names = (of: string, count = FILES) => Array.from({ length: count }, (_, index) => `${of}/${index}`);

  /** Files that the first mount has leases on. */
  const known = async (of: (typeof FOLDERS)[number], count = FILES) => {
    for (let round = 0; round < 2; round += 1)
      for (const name of names(of, count))
        assert.equal(await files.readFile(first(name), 'utf8'), `before ${name}`);
    return names(of, count);
  };

  before(async () => {
    far = await startFarMount(CACHE);
    secondPlace = path.join(far.rig.hostFiles, 'second');
    fs.mkdirSync(secondPlace);
    const wished = { vm: 'vm', folder: far.source, mountpoint: secondPlace, asRoot: true, allowOther: true };
    await far.rig.client.call('addMount', {}, { ...wished, ...CACHE });
    for (const of of FOLDERS) {
      fs.mkdirSync(there(of));
      const count = of === 'breaks' ? BREAKS : FILES;
      for (const name of names(of, count)) fs.writeFileSync(there(name), `before ${name}`);
    }
    for (const of of FOLDERS) await settled(there(of));
  });
  after(async () => {
    await far.rig.client.call('removeMount', {}, { mountpoint: secondPlace }).catch(() => undefined);
    await far[Symbol.asyncDispose]();
  });

  it('shows at once what the other one has written, cut or given another mode', async () => {
    for (const name of await known('written')) {
      await files.writeFile(second(name), `after ${name}`);
      assert.equal(await files.readFile(first(name), 'utf8'), `after ${name}`);
    }
    for (const name of await known('cut')) {
      await files.truncate(second(name), 3);
      assert.equal(await files.readFile(first(name), 'utf8'), 'bef');
    }
    for (const name of await known('mode')) {
      await files.chmod(second(name), 0o640);
      assert.equal((await files.stat(first(name))).mode & 0o777, 0o640);
    }
  });

  it('shows at once what the other one has renamed over and removed', async () => {
    for (const name of await known('replaced')) {
      await files.writeFile(second('new'), 'new');
      await files.rename(second('new'), second(name));
      assert.equal(await files.readFile(first(name), 'utf8'), 'new');
    }
    for (const name of await known('removed')) {
      await files.rm(second(name));
      await assert.rejects(files.readFile(first(name)), { code: 'ENOENT' });
    }
  });

  it('shows soon that a name is gone, as ever', async () => {
    const isGone = (name: string) =>
      within(`${name} is gone`, DEADLINE_MS, () =>
        files.readFile(first(name)).then(
          () => null,
          () => true,
        ),
      );
    for (const name of await known('renamed')) {
      await files.rename(second(name), second(`${name}.old`));
      await isGone(name);
    }
    const [name = ''] = await known('folder');
    await files.rename(second('folder'), second('other'));
    await isGone(name);
    await files.writeFile(second('other/0'), 'in it');
    assert.equal(await files.readFile(first('other/0'), 'utf8'), 'in it');
  });

  it('shows soon what a program over there has changed', async () => {
    for (const name of await known('there')) {
      fs.writeFileSync(there(name), 'changed there');
      await within(`${name} is new`, DEADLINE_MS, async () =>
        (await files.readFile(first(name), 'utf8')) === 'changed there' ? true : null,
      );
    }
  });

  it('has all that a program has written, and not closed, arrive before another mount opens it', async () => {
    fs.writeFileSync(there('open'), '');
    for (let round = 0; round < 4; round += 1) {
      const bytes = Buffer.alloc(3 * MIB, `${round}`);
      await using open = await files.open(first('open'), 'r+');
      await open.write(bytes, 0, bytes.byteLength, 0);
      assert.ok((await files.readFile(second('open'))).equals(bytes), `in round ${round}`);
    }
  });

  it('knows less of what is locked, and of what it is asked to write', async () => {
    const [name = '', other = ''] = await known('mine');
    await files.writeFile(first(name), 'by myself');
    assert.equal(await files.readFile(first(name), 'utf8'), 'by myself');
    assert.equal(await files.readFile(second(name), 'utf8'), 'by myself');
    await run('flock', [first(other), 'true']);
    await run('flock', [second(other), 'true']);
    assert.equal(await files.readFile(first(other), 'utf8'), `before ${other}`);
  });

  it('tells how long an open takes that breaks a lease', async (test) => {
    const all = await known('breaks', BREAKS);
    const opened = async (name: string) => {
      const start = performance.now();
      const open = await files.open(second(name), 'r+');
      const tookMs = performance.now() - start;
      await open.close();
      return tookMs;
    };
    const took: number[] = [];
    for (const name of all) took.push(await opened(name));
    const without: number[] = [];
    for (const name of all) without.push(await opened(name));
    const at = (of: number[], part: number) =>
      of.toSorted((a, b) => a - b)[Math.floor((of.length - 1) * part)];
    for (const [what, of] of [
      ['an open that breaks a lease', took],
      ['one that does not', without],
    ] as const)
      test.diagnostic(
        `${what}: p50 ${at(of, 0.5)?.toFixed(2)} ms, p99 ${at(of, 0.99)?.toFixed(2)} ms, ${of.length} times`,
      );
  });

  it('has a work tree of git edited in one and built in the other', async () => {
    const git = (at: string, ...args: string[]) =>
      run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'safe.directory=*', ...args], {
        cwd: at,
      });
    const [edited, built] = [first('tree'), second('tree')];
    await files.mkdir(edited);
    await git(edited, 'init', '-q', '-b', 'main');
    const sources = Array.from({ length: FILES }, (_, index) => `file${index}.txt`);
    /** What a build comes to: each source and what it was made of. */
    const build = async () => {
      const parts = await Promise.all(sources.map((name) => files.readFile(path.join(built, name), 'utf8')));
      await files.writeFile(path.join(built, 'made'), parts.join(''));
      return parts.join('');
    };
    for (let commit = 0; commit < COMMITS; commit += 1) {
      for (const name of sources) await files.writeFile(path.join(edited, name), `${name} in ${commit}\n`);
      const expected = sources.map((name) => `${name} in ${commit}\n`).join('');
      assert.equal(await build(), expected);
      assert.equal(await files.readFile(path.join(edited, 'made'), 'utf8'), expected);
      await git(edited, 'add', '-A');
      await git(edited, 'commit', '-q', '-m', `commit ${commit}`);
      assert.equal((await git(built, 'status', '--porcelain')).stdout, '');
      const heads = await Promise.all([edited, built].map((at) => git(at, 'rev-parse', 'HEAD')));
      assert.equal(heads[0]?.stdout, heads[1]?.stdout);
    }
    await git(edited, 'checkout', '-q', 'HEAD~1');
    assert.match(await build(), /^file0.txt in 1\n/);
    await git(built, 'fsck', '--full', '--strict');
  });
});
