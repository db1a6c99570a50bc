// What others change in a folder of a machine shows in its mounts at once: the kernel here believes what it was told for an
// hour, so that nothing but a notice makes it look again. A daemon and an agent in processes of their own, over TLS.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { until as within } from '../interop/rig.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

const HOUR_MS = 3_600_000;
const DEADLINE_MS = 20_000;
/** What was changed within that time is neither kept nor served from what is. */
const SETTLED_MS = LIMITS.cacheSettledMs.value + 100;
const ROUNDS = 60;
/** With their names more than may be told at one time. */
const MANY = LIMITS.mountNoticesAheadMax.value / 2 + 100;
const MIB = 1024 * 1024;
/** More than the kernel keeps for one who does not ask (max_queued_events, inotify(7)). */
const TOO_MANY = Number(read('/proc/sys/fs/inotify/max_queued_events') ?? 16_384) + 1_000;

function read(at: string): string | null {
  return fs.existsSync(at) ? fs.readFileSync(at, 'utf8') : null;
}

const shows = (what: string, holds: () => Promise<boolean>) =>
  within(what, DEADLINE_MS, async () => ((await holds()) ? true : null));
const isThere = (at: string) =>
  files.stat(at).then(
    () => true,
    (failure) => {
      assert.equal(failure.code, 'ENOENT');
      return false;
    },
  );

describe('changes by others in a mount', { skip }, () => {
  let far: FarRig;
  /** The same folder, mounted with a cache and without. */
  let places: Record<'plain' | 'cached', string>;

  before(async () => {
    far = await startFarMount({ cacheMs: HOUR_MS });
    places = { plain: far.mountpoint, cached: path.join(far.rig.hostFiles, 'cached') };
    fs.mkdirSync(places.cached);
    const wished = { vm: 'vm', folder: far.source, mountpoint: places.cached, asRoot: true };
    await far.rig.client.call('addMount', {}, { ...wished, cacheMs: HOUR_MS, cacheBytes: 64 * MIB });
    for (const place of ['plain', 'cached']) fs.mkdirSync(path.join(far.source, place));
  });
  after(async () => {
    await far.rig.client.call('removeMount', {}, { mountpoint: places.cached });
    await far[Symbol.asyncDispose]();
  });

  for (const [what, which, other] of [
    ['without a cache', 'plain', 'cached'],
    ['with a cache', 'cached', 'plain'],
  ] as const)
    describe(what, () => {
      const here = (name: string) => path.join(places[which], which, name);
      const there = (name: string) => path.join(far.source, which, name);
      /** What a program reads first that does not ask for the size. */
      const begun = async (name: string) => {
        await using open = await files.open(here(name));
        const { buffer, bytesRead } = await open.read(Buffer.alloc(256), 0, 256, 0);
        return buffer.toString('utf8', 0, bytesRead);
      };
      const text = (name: string) => files.readFile(here(name), 'utf8');

      it('shows what was written, also to who has the file open', async () => {
        fs.writeFileSync(there('file'), 'before');
        assert.equal(await text('file'), 'before');
        await using open = await files.open(here('file'));
        const bytes = async () => {
          const { buffer, bytesRead } = await open.read(Buffer.alloc(64), 0, 64, 0);
          return buffer.toString('utf8', 0, bytesRead);
        };
        assert.equal(await bytes(), 'before');
        assert.equal((await files.stat(here('file'))).size, 6);
        fs.writeFileSync(there('file'), 'afterwards');
        await shows('it has its new size', async () => (await files.stat(here('file'))).size === 10);
        await shows('who has it open reads it', async () => (await bytes()) === 'afterwards');
        fs.chmodSync(there('file'), 0o600);
        await shows('its mode', async () => ((await files.stat(here('file'))).mode & 0o777) === 0o600);
      });

      it('shows what was made, renamed, replaced and removed', async () => {
        fs.mkdirSync(there('sub'));
        fs.writeFileSync(there('sub/one'), '1');
        const names = async () => (await files.readdir(here('sub'))).sort().join();
        assert.equal(await names(), 'one');
        assert.equal(await text('sub/one'), '1');
        fs.writeFileSync(there('sub/two'), '2');
        await shows('what was made is listed', async () => (await names()) === 'one,two');
        assert.equal(await text('sub/two'), '2');
        fs.renameSync(there('sub/one'), there('sub/three'));
        await shows('the old name is gone', async () => !(await isThere(here('sub/one'))));
        await shows('the new name is listed', async () => (await names()) === 'three,two');
        assert.equal(await text('sub/three'), '1');
        fs.renameSync(there('sub/three'), there('sub/two'));
        await shows('it is what replaced it', async () => (await text('sub/two')) === '1');
        fs.rmSync(there('sub/two'));
        await shows('it is gone', async () => !(await isThere(here('sub/two'))));
        assert.equal(await names(), '');
        fs.renameSync(there('sub'), there('other'));
        await shows('a folder has another name', async () => !(await isThere(here('sub'))));
        fs.writeFileSync(there('other/file'), 'in it');
        assert.equal(await text('other/file'), 'in it');
      });

      it('shows to who opens something what was changed before, at once', async () => {
        fs.mkdirSync(there('list'));
        for (let round = 0; round < ROUNDS; round += 1) {
          const content = `it is ${round} `.repeat(1 + (round % 7));
          if (round % 3 === 0) fs.writeFileSync(there('new'), content);
          if (round % 3 === 0) fs.renameSync(there('new'), there('now'));
          else fs.writeFileSync(there('now'), content);
          assert.equal(await begun('now'), content, `in round ${round}`);
          fs.writeFileSync(there(`list/${round}`), '');
          assert.equal((await files.readdir(here('list'))).length, round + 1);
        }
      });

      it('shows what was done through another mount', async () => {
        const second = path.join(places[other], which, 'both');
        await files.writeFile(here('both'), 'from the first');
        assert.equal(await files.readFile(second, 'utf8'), 'from the first');
        await files.writeFile(second, 'from the second one');
        await shows('the first one sees it', async () => (await text('both')) === 'from the second one');
        await files.writeFile(here('both'), 'back');
        assert.equal(await files.readFile(second, 'utf8'), 'back');
      });

      it('reads what was changed, whatever it has kept', async () => {
        fs.writeFileSync(there('kept'), Buffer.alloc(MIB, 'old'));
        const changedMs = fs.statSync(there('kept')).ctimeMs;
        const isOld = async () => which === 'plain' || Date.now() - changedMs > SETTLED_MS;
        await shows('it is old enough to be kept', isOld);
        await using open = await files.open(here('kept'));
        const whole = async () => (await open.read(Buffer.alloc(MIB), 0, MIB, 0)).buffer;
        for (let round = 0; round < 2; round += 1)
          assert.ok((await whole()).equals(Buffer.alloc(MIB, 'old')));
        fs.writeFileSync(there('kept'), Buffer.alloc(MIB, 'new'));
        await shows('it is as it was changed', async () => (await whole()).equals(Buffer.alloc(MIB, 'new')));
        fs.writeFileSync(there('kept'), Buffer.alloc(MIB, 'last'));
        await shows('and once more', async () => (await text('kept')).startsWith('lastlast'));
      });
    });

  const here = (name: string) => path.join(places.plain, name);
  const there = (name: string) => path.join(far.source, name);

  it('believes nothing any more when the agent was killed, whoever serves it then', async () => {
    fs.writeFileSync(there('old'), '');
    await files.stat(here('old'));
    await far.rig.agent.kill();
    fs.chmodSync(there('old'), 0o640); // of which nobody hears
    far.rig.startAgent();
    const isNew = async () => {
      const stat = await files.stat(here('old')).catch(() => null); // away for a moment
      return stat !== null && (stat.mode & 0o777) === 0o640;
    };
    await shows('its new mode', isNew);
    assert.equal(await files.readFile(here('old'), 'utf8'), '');
  });

  it('forgets all that it knows where changes were lost', async () => {
    const many = Array.from({ length: MANY }, (_, index) => `many/${index}`);
    fs.mkdirSync(there('many'));
    for (const name of many) fs.writeFileSync(there(name), '');
    for (const name of many) assert.equal((await files.stat(here(name))).size, 0);
    far.rig.agent.child.kill('SIGSTOP');
    const [one, other] = [there('many/0'), there('many/1')].map((at) => fs.openSync(at, 'r+')) as [
      number,
      number,
    ];
    for (let event = 0; event < TOO_MANY; event += 1) fs.writeSync(event % 2 === 0 ? one : other, '.', 0);
    for (const fd of [one, other]) fs.closeSync(fd);
    for (const name of many) fs.writeFileSync(there(name), 'now'); // of which nobody hears
    fs.renameSync(there('many/7'), there('many/seven'));
    far.rig.agent.child.kill('SIGCONT');
    for (const name of many)
      if (name !== 'many/7')
        await shows(`${name} is new`, async () => (await files.stat(here(name))).size === 3);
    await shows('what was renamed is gone', async () => !(await isThere(here('many/7'))));
  });
});
