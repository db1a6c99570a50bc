// `causeway share create FOLDER --mount VM:/PLACE` with a daemon and an agent in processes of their own, over TLS.
// OUTAGE=1 uses a mount for longer than an outage may last, after the daemon was killed.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { LOCK_PROGRAM, Program } from './program.ts';
import { skip } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
const isLong = process.env['OUTAGE'] === '1';
const COUNTS = 100;
/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;

const holds = (what: string, call: () => Promise<boolean>) =>
  until(what, AGAIN_MS, async () => ((await call().catch(() => false)) ? true : null));

const KILLS = 3;

describe('a share that a machine shows', { skip }, () => {
  it('is writable there after one command, follows its settings, and is gone when it is not wanted', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'deep/place')];
    for (const at of [rig.folder, rig.hostFiles]) fs.chmodSync(at, 0o755);
    fs.mkdirSync(source);
    const create = (...more: string[]) =>
      rig.cli('share', 'create', source, '--mount', `vm:${place}`, ...more);
    assert.match((await create()).err, /CW_MOUNT_ROOT/);
    fs.chownSync(source, 4_711, 4_712);
    const created = await create();
    assert.equal(created.code, 0, created.err);
    assert.match(created.out, /mounted at +vm:.*place \(mounted\)/);
    await files.writeFile(path.join(place, 'file'), 'from the machine');
    assert.equal(fs.readFileSync(path.join(source, 'file'), 'utf8'), 'from the machine');
    assert.equal(fs.statSync(path.join(source, 'file')).uid, 4_711);
    fs.writeFileSync(path.join(source, 'file'), 'from the host'); // what is opened after it shows it
    assert.equal(await files.readFile(path.join(place, 'file'), 'utf8'), 'from the host');
    fs.writeFileSync(path.join(source, 'file'), 'from the machine');
    await files.writeFile(path.join(place, 'count'), '0'.padStart(16));
    const programs = [source, place].map(
      (at) => new Program(LOCK_PROGRAM, 'fcntl', 'count', path.join(at, 'count'), String(COUNTS)),
    );
    for (const { ended } of programs) await ended;
    assert.equal(Number(fs.readFileSync(path.join(source, 'count'), 'latin1')), 2 * COUNTS);
    assert.equal((await rig.cli('share', 'set', 'data', '--read-only')).code, 0);
    await assert.rejects(files.writeFile(path.join(place, 'file'), ''), { code: 'EROFS' });
    assert.equal((await rig.cli('share', 'set', 'data', '--writable', '--no-mount')).code, 0);
    assert.ok(!isMounted(place));
    assert.equal((await rig.cli('share', 'set', 'data', '--mount', `vm:${place}`)).code, 0);
    assert.equal(await files.readFile(path.join(place, 'file'), 'utf8'), 'from the machine');
    assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
    await until('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
  });

  it('is there again by itself after the agent was killed, and after the daemon was', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    fs.mkdirSync(source);
    const file = path.join(place, 'file');
    const mounted = await rig.cli('share', 'create', source, '--as-root', '--mount', `vm:${place}`);
    assert.equal(mounted.code, 0, mounted.err);
    await files.writeFile(file, 'one');
    const isThere = async () => isMounted(place) && (await files.readFile(file, 'utf8')) === 'one';
    await rig.agent.kill();
    await until('the dead mount is gone', AGAIN_MS, async () => (isMounted(place) ? null : true));
    rig.startAgent();
    await rig.agent.ready;
    await holds('the agent shows it again', isThere);
    await rig.daemon.kill();
    rig.startDaemon();
    await rig.daemon.ready;
    await holds('the daemon serves it again', isThere);
    await files.writeFile(file, 'two');
    assert.equal(fs.readFileSync(path.join(source, 'file'), 'utf8'), 'two');
    if (isLong) {
      const overMs = performance.now() + LIMITS.mountOutageMs.value + 1_000;
      await until('an outage would be over', AGAIN_MS, () => (performance.now() > overMs ? true : null));
    }
    await files.writeFile(file, 'three'); // the link before has ended meanwhile
    await rig.client.call('removeShare', { name: 'data' });
  });

  it('is gone once a machine is back that was away when the share was removed, and the daemon was killed since', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    fs.mkdirSync(source);
    const created = await rig.cli('share', 'create', source, '--as-root', '--mount', `vm:${place}`);
    assert.equal(created.code, 0, created.err);
    await files.writeFile(path.join(place, 'file'), 'one');
    rig.agent.child.kill('SIGSTOP');
    try {
      assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
      await rig.daemon.kill();
      rig.startDaemon();
      await rig.daemon.ready;
      assert.ok(isMounted(place));
    } finally {
      rig.agent.child.kill('SIGCONT');
    }
    await until('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
    assert.equal(fs.readFileSync(path.join(source, 'file'), 'utf8'), 'one');
  });

  it('keeps what it reads on its own disk, where that is wished for, until the share is gone', async () => {
    await using rig = await Rig.start();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    const content = Buffer.alloc(3_000_000, 'what is kept ');
    fs.mkdirSync(source);
    fs.writeFileSync(path.join(source, 'file'), content);
    const changedMs = fs.statSync(path.join(source, 'file')).ctimeMs;
    await rig.waitUp();
    assert.match((await rig.cli('share', 'create', source, '--mount-cache', '64M')).err, /CW_USAGE/);
    const created = await rig.cli(
      ...['share', 'create', source, '--as-root', '--mount', `vm:${place}`, '--mount-cache', '64M'],
    );
    assert.equal(created.code, 0, created.err);
    const old = () => (Date.now() - changedMs > LIMITS.cacheSettledMs.value + 100 ? true : null);
    await until('the file is old enough to be kept', AGAIN_MS, async () => old());
    const read = async () => {
      assert.ok((await files.readFile(path.join(place, 'file'))).equals(content));
      return true;
    };
    const figures = async () =>
      JSON.parse((await rig.cli('--json', 'share', 'show', 'data')).out).mount.cache;
    await read();
    const first = await figures();
    assert.equal(first.capacityBytes, 64 * 1024 * 1024);
    assert.equal(first.bytesFetched, content.byteLength);
    const afterKill = async () => {
      await rig.agent.kill();
      await until('the dead mount is gone', AGAIN_MS, async () => (isMounted(place) ? null : true));
      rig.startAgent();
      await rig.agent.ready;
      await holds('the agent shows it again', read);
      return figures();
    };
    let second = await afterKill();
    // what is read is kept a little later: of that the agent may have been killed too early
    for (let more = 0; second.bytesFetched > 0 && more < KILLS; more += 1) second = await afterKill();
    assert.deepEqual([second.bytesFetched, second.bytesFromCache], [0, content.byteLength]);
    assert.match((await rig.cli('cache', 'status')).out, /vm:.*place +write-through +on .* 100\.0 %/);
    const kept = () =>
      fs.readdirSync(path.join(rig.folder, 'guest')).filter((name) => /^causeway-cache/.test(name));
    assert.equal(kept().length, 1);
    assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
    await until('nothing is kept any more', AGAIN_MS, async () => (kept().length === 0 ? true : null));
  });
});
