// Two hosts that have folders shown in the same machine: neither takes away what the other one has there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, ROOT, runCli, Served, until } from '../interop/rig.ts';
import { skip } from './rig.ts';

/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;
const CLI = path.join(ROOT, 'src/cli/main.ts');
const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
const gone = (at: string) => until('it is unmounted', AGAIN_MS, async () => (isMounted(at) ? null : true));

describe('a machine that two hosts have folders shown in', { skip }, () => {
  it('unmounts for each what that one wants no more, also what was kept for it', async () => {
    await using rig = await Rig.start({ unix: true, trustCarrier: true });
    await rig.waitUp();
    const data = path.join(rig.folder, 'second');
    const second = new Served(CLI, ['--data', data, 'up', '--no-web']);
    try {
      await second.ready;
      const of = async (host: string, ...args: string[]) => {
        const { code, err } = await runCli(host, args);
        assert.equal(code, 0, err);
      };
      const first = path.join(rig.folder, 'host');
      await of(data, 'vm', 'add', 'vm', '--unix', path.join(rig.folder, 'agent.sock'), '--trust-carrier');
      const show = async (host: string, name: string, ...more: string[]) => {
        const [source, place] = [path.join(rig.hostFiles, name), path.join(rig.guestFiles, name)];
        fs.mkdirSync(source);
        fs.writeFileSync(path.join(source, 'file'), name);
        await of(host, 'share', 'create', source, '--as-root', '--mount', `vm:${place}`, ...more);
        return place;
      };
      const [one, kept] = [await show(first, 'one'), await show(first, 'kept', '--mount-cache', '16MiB')];
      const caches = () => fs.readdirSync(path.join(rig.folder, 'guest')).filter((at) => /-cache-/.test(at));
      const before = await until('something is kept', AGAIN_MS, async () =>
        caches().length === 1 ? caches() : null,
      );
      const two = await show(data, 'two');
      for (const [place, name] of [
        [one, 'one'],
        [kept, 'kept'],
        [two, 'two'],
      ] as const)
        assert.equal(fs.readFileSync(path.join(place, 'file'), 'utf8'), name);
      await of(data, 'share', 'rm', 'two');
      await gone(two);
      assert.ok(isMounted(one) && isMounted(kept));
      assert.deepEqual(caches(), before);
      await of(first, 'share', 'rm', 'kept');
      await gone(kept);
      assert.ok(isMounted(one));
      await until('what was kept is gone', AGAIN_MS, async () => (caches().length === 0 ? true : null));
      await of(first, 'share', 'rm', 'one');
      await gone(one);
    } finally {
      await second.kill();
    }
  });
});
