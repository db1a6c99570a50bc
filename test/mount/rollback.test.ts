// `causeway cache rollback` with a daemon, an agent and a real mount: what a machine has written through it is taken back.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { BatchView } from '../../src/contract/rollback_schemas.ts';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { skip } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;

interface Shared {
  readonly rig: Rig;
  readonly source: string;
  readonly place: string;
}

async function shared(rig: Rig, policy: string): Promise<Shared> {
  await rig.waitUp();
  const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
  fs.mkdirSync(path.join(source, 'docs'), { recursive: true });
  fs.writeFileSync(path.join(source, 'docs/report'), 'report\n'.repeat(20_000));
  fs.writeFileSync(path.join(source, 'kept'), 'kept');
  fs.symlinkSync('kept', path.join(source, 'link'));
  const args = ['--as-root', '--mount', `vm:${place}`, '--cache-policy', policy, '--rollback', '24'];
  const { code, err } = await rig.cli('share', 'create', source, ...args);
  assert.equal(code, 0, err);
  assert.ok(isMounted(place));
  return { rig, source, place };
}

/** Everything but what is kept: kinds, modes, content, times of files. */
function snapshot(source: string): string[] {
  const names = (fs.readdirSync(source, { recursive: true }) as string[]).filter(
    (name) => !name.startsWith('.causeway'),
  );
  return names.sort().map((name) => {
    const at = path.join(source, name);
    const stat = fs.lstatSync(at, { bigint: true });
    if (stat.isSymbolicLink()) return `${name} -> ${fs.readlinkSync(at)}`;
    if (stat.isDirectory()) return `${name}/ ${stat.mode}`;
    return `${name} ${stat.mode} ${stat.mtimeNs} ${fs.readFileSync(at).toString('latin1')}`;
  });
}

async function batches(rig: Rig): Promise<BatchView[]> {
  const { code, out, err } = await rig.cli('--json', 'cache', 'rollback', 'data', '--list');
  assert.equal(code, 0, err);
  return JSON.parse(out) as BatchView[];
}

/** What was written is on the host, and its batch has ended. */
async function settled({ rig }: Shared, policy: string): Promise<BatchView[]> {
  if (policy === 'write-back') assert.equal((await rig.cli('cache', 'flush', 'data')).code, 0);
  return until('the batch has ended', AGAIN_MS, async () => {
    const all = await batches(rig);
    return all.length > 0 && all.every(({ endedAtMs }) => endedAtMs !== null) ? all : null;
  });
}

/** Nothing is mounted any more. */
async function ended({ rig, source, place }: Shared): Promise<void> {
  assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
  assert.deepEqual(fs.readdirSync(path.join(source, '.causeway/rollback')), []);
  await until('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
}

/** What encrypts everything and asks for money. */
async function harm(place: string): Promise<void> {
  for (const name of ['docs/report', 'kept']) {
    const file = await files.open(path.join(place, name), 'r+');
    await file.write(Buffer.alloc(3_000, 'x'), 0, 3_000, 0);
    await file.close();
  }
  await files.rename(path.join(place, 'docs/report'), path.join(place, 'docs/report.locked'));
  await files.rm(path.join(place, 'link'));
  await files.mkdir(path.join(place, 'pay'));
  await files.writeFile(path.join(place, 'pay/README'), 'send money');
  await files.chmod(path.join(place, 'kept'), 0o600);
}

describe('a share that is returned to what it was', { skip }, () => {
  it('has all that a machine has overwritten, what it wrote once that is taken back, and never loses what others wrote', async () => {
    await using rig = await Rig.start();
    const all = await shared(rig, 'write-back');
    const { source, place } = all;
    await files.writeFile(path.join(place, 'good'), 'good');
    await settled(all, 'write-back');
    const before = snapshot(source);
    await harm(place);
    const [, bad] = await settled(all, 'write-back');
    assert.ok(bad !== undefined && bad.from === `vm:${place}` && bad.keptBytes >= 3_000 && bad.files > 0);
    const harmed = snapshot(source);
    assert.deepEqual(fs.readdirSync(place).sort(), ['docs', 'good', 'kept', 'pay']); // and nothing of what is kept
    fs.writeFileSync(path.join(source, 'pay/of-the-host'), '');
    const refused = await rig.cli('cache', 'rollback', 'data', '--to', String(bad.number));
    assert.equal(refused.code, 4);
    assert.match(refused.err, /pay\/of-the-host/);
    fs.rmSync(path.join(source, 'pay/of-the-host'));
    assert.deepEqual(snapshot(source), harmed);
    const done = await rig.cli('--json', 'cache', 'rollback', 'data', '--to', String(bad.number));
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(snapshot(source), before);
    await until('it is mounted again', AGAIN_MS, async () => (isMounted(place) ? true : null));
    assert.equal(fs.readFileSync(path.join(place, 'kept'), 'utf8'), 'kept');
    const { rollback } = JSON.parse(done.out) as { rollback: BatchView };
    assert.equal((await rig.cli('cache', 'rollback', 'data', '--to', String(rollback.number))).code, 0);
    assert.deepEqual(snapshot(source), harmed);
    await ended(all);
  });

  it('comes to its end where the daemon is killed in the middle of it', async () => {
    await using rig = await Rig.start();
    const all = await shared(rig, 'write-through');
    const { source, place } = all;
    for (let one = 0; one < 300; one += 1) fs.writeFileSync(path.join(source, `file-${one}`), `host ${one}`);
    const before = snapshot(source);
    for (let one = 0; one < 300; one += 1)
      await files.writeFile(path.join(place, `file-${one}`), `machine ${one}`);
    const bad = (await settled(all, 'write-through'))[0]?.number;
    const asked = rig.cli('cache', 'rollback', 'data', '--to', String(bad));
    // before the first file is back it may not have noted yet that it begins, and a kill leaves all as it was
    const isBack = (_: unknown, one: number) =>
      fs.readFileSync(path.join(source, `file-${one}`), 'utf8') === `host ${one}`;
    const isBegun = () => Array.from({ length: 300 }).some(isBack);
    await until('it has begun', AGAIN_MS, async () => (isBegun() ? true : null));
    await rig.daemon.kill();
    await asked;
    rig.startDaemon();
    await rig.daemon.ready;
    await until('it has ended', AGAIN_MS, async () => {
      const found = (await batches(rig)).find(({ tookBack }) => tookBack === bad);
      return found === undefined || found.endedAtMs === null ? null : found;
    });
    assert.deepEqual(snapshot(source), before);
    assert.match((await rig.cli('cache', 'rollback', 'data', '--to', '99')).err, /CW_ROLLBACK_UNKNOWN/);
    await until('it is mounted again', AGAIN_MS, async () => (isMounted(place) ? true : null));
    await ended(all);
  });
});
