// `causeway share create FOLDER --mount VM:/PLACE --cache-policy write-back` with a daemon and an agent in processes of their own.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { skip } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;

/** A share that the machine shows at a place of its, with writes that wait there. */
async function shared(rig: Rig): Promise<{ readonly source: string; readonly place: string }> {
  await rig.waitUp();
  const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
  fs.mkdirSync(source);
  const args = ['--as-root', '--mount', `vm:${place}`, '--cache-policy', 'write-back'];
  const { code, err } = await rig.cli('share', 'create', source, ...args);
  assert.equal(code, 0, err);
  assert.ok(isMounted(place));
  return { source, place };
}

describe('a share that a machine shows, with writes that wait there', { skip }, () => {
  it('has on the host what cache wait, flush, a change of the policy and the end of the share have waited for', async () => {
    await using rig = await Rig.start();
    const { source, place } = await shared(rig);
    const onHost = (name: string) => fs.readFileSync(path.join(source, name), 'utf8');
    await files.writeFile(path.join(place, 'one'), 'one');
    const { waiting } = JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    assert.deepEqual([waiting[0].at, waiting[0].waiting.dirtyBytes], ['vm', 3]);
    assert.equal((await rig.cli('cache', 'wait', '--clean', '--timeout', '60', 'data')).code, 0);
    assert.equal(onHost('one'), 'one');
    await files.writeFile(path.join(place, 'two'), 'two');
    assert.equal((await rig.cli('cache', 'flush', 'data')).code, 0);
    assert.equal(onHost('two'), 'two');
    await files.writeFile(path.join(place, 'three'), 'three');
    const set = await rig.cli('share', 'set', 'data', '--cache-policy', 'write-through');
    assert.equal(set.code, 0, set.err);
    assert.equal(onHost('three'), 'three');
    await files.writeFile(path.join(place, 'four'), 'four');
    assert.equal(onHost('four'), 'four');
    assert.match((await rig.cli('cache', 'flush', 'data')).err, /CW_USAGE/);
    assert.equal((await rig.cli('share', 'set', 'data', '--cache-policy', 'write-back')).code, 0);
    await files.writeFile(path.join(place, 'five'), 'five');
    assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
    assert.equal(onHost('five'), 'five');
    await until('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
    const left = fs.readdirSync(path.join(rig.folder, 'guest')).filter((name) => name.includes('journal'));
    assert.deepEqual(left, []);
  });

  it('keeps what was acknowledged there through kills of the agent and of the daemon', async () => {
    await using rig = await Rig.start();
    const { source, place } = await shared(rig);
    const file = await files.open(path.join(place, 'fsynced'), 'w');
    await file.write('x'.repeat(300_000));
    await file.sync();
    await file.write('and only written');
    await files.mkdir(path.join(place, 'folder'));
    await files.writeFile(path.join(place, 'folder/closed'), 'closed');
    await rig.agent.kill();
    await file.close().catch(() => undefined); // of a mount that is dead
    await until('the dead mount is gone', AGAIN_MS, async () => (isMounted(place) ? null : true));
    const refused = await rig.cli('share', 'rm', 'data');
    assert.match(refused.err, /CW_CACHE_DIRTY/);
    rig.startAgent();
    await rig.agent.ready;
    await until('it is mounted again', AGAIN_MS, async () => (isMounted(place) ? true : null));
    const expected = `${'x'.repeat(300_000)}and only written`;
    assert.ok((await files.readFile(path.join(place, 'fsynced'), 'utf8')) === expected);
    await rig.daemon.kill();
    await files.writeFile(path.join(place, 'folder/offline'), 'while there was no daemon');
    rig.startDaemon();
    await rig.daemon.ready;
    assert.equal((await rig.cli('cache', 'wait', '--clean', '--timeout', '60', 'data')).code, 0);
    assert.ok(fs.readFileSync(path.join(source, 'fsynced'), 'utf8') === expected);
    const found = fs.readdirSync(source, { recursive: true }).sort();
    assert.deepEqual(found, ['folder', 'folder/closed', 'folder/offline', 'fsynced']);
    assert.equal(fs.readFileSync(path.join(source, 'folder/offline'), 'utf8'), 'while there was no daemon');
    assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
    await until('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
  });
});
