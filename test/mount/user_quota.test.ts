// Quotas of users of a share that a machine shows: what is made there is the share's own, what a user has made stays the
// user's, whoever writes to it; right to the byte, also after kills. A daemon and an agent in processes of their own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { send } from '../share/shares_rig.ts';
import { skip } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
const DEADLINE_MS = 40_000;
/** EDQUOT, for which Node has no name. */
const FULL = { code: 'Unknown system error -122' };
const OWNER = 'user.causeway.owner';

/** What files with that mark have together, by a walk; null: those without. */
function walked(folder: string, owner: string | null): number {
  let sum = 0;
  for (const name of fs.readdirSync(folder)) {
    const at = path.join(folder, name);
    if (fs.statSync(at).isDirectory()) continue;
    const words = ['--only-values', '--absolute-names', '-n', OWNER, at];
    let mark: string | null = null;
    try {
      mark = execFileSync('getfattr', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      mark = null; // it has none
    }
    if (mark === owner) sum += fs.statSync(at).size;
  }
  return sum;
}

describe('quotas of users in mounts', { skip }, () => {
  it('are those of WebDAV, to the byte, also after kills', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    fs.mkdirSync(source);
    await rig.client.call('addUser', {}, { name: 'ann', grants: [{ role: 'operator', scopes: ['*'] }] });
    const token = (await rig.client.call('createUserToken', { name: 'ann' }, { label: 'dav' })).text;
    const created = await rig.cli(
      ...['share', 'create', source, '--as-root', '--mount', `vm:${place}`, '--user', 'ann', '--json'],
      ...['--quota-user', 'ann=100000', '--quota-user', 'data=50000'],
    );
    assert.equal(created.code, 0, created.err);
    const shown = () => rig.client.call('showShare', { name: 'data' });
    const put = async (name: string, sizeBytes: number) =>
      (await send(`${(await shown()).url}${name}`, 'PUT', 'ann', token, 'x'.repeat(sizeBytes))).status;
    const agrees = () =>
      until('the accounts are right', DEADLINE_MS, async () => {
        const [ann, data] = (await shown()).userQuotas.map(({ usedBytes }) => usedBytes);
        return ann === walked(source, 'ann') && data === walked(source, null) ? true : null;
      });
    const at = (name: string) => path.join(place, name);

    assert.equal(await put('hers', 60_000), 201);
    await files.writeFile(at('ours'), 'y'.repeat(40_000));
    await assert.rejects(files.appendFile(at('ours'), 'y'.repeat(10_001)), FULL);
    await agrees();
    await files.appendFile(at('hers'), 'z'.repeat(40_000));
    await assert.rejects(files.appendFile(at('hers'), 'z'), FULL);
    assert.equal(await put('more', 1), 507);
    await assert.rejects(async () =>
      execFileSync('setfattr', ['-n', OWNER, '-v', 'eve', at('hers')], { stdio: 'pipe' }),
    );
    assert.equal(fs.statfsSync(place).bavail * fs.statfsSync(place).bsize <= 10_000, true);
    await agrees();

    await files.rename(at('ours'), at('hers')); // it takes the place of hers, and stays what it was
    await agrees();
    assert.equal(await put('more', 100_000), 201);
    await rig.agent.kill();
    rig.startAgent();
    await rig.agent.ready;
    await until('it is shown again', DEADLINE_MS, async () => (isMounted(place) ? true : null));
    await files.truncate(at('more'), 70_000);
    await rig.daemon.kill();
    rig.startDaemon();
    await rig.daemon.ready;
    await until('it is served again', DEADLINE_MS, async () =>
      (await files.readFile(at('more')).catch(() => null)) === null ? null : true,
    );
    await agrees();
    assert.equal(await put('last', 30_001), 507);
    assert.equal(await put('last', 30_000), 201);
    await files.unlink(at('more'));
    await agrees();
    await rig.client.call('removeShare', { name: 'data' });
    await until('it is unmounted', DEADLINE_MS, () => (isMounted(place) ? null : true));
  });
});
