// A mount with a cache in tiers, whose disks fill up, are damaged, become read-only and go away while it is read: tmpfs of their
// own, so for root only. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CacheTier, TierName } from '../../src/contract/mount_schemas.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const MIB = 1024 * 1024;
const TIERS = ['hot', 'warm'] as const satisfies readonly TierName[];
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const contentOf = (name: string) => Buffer.alloc(5 * MIB, `${name} of it `);
const run = (...[command = '', ...args]: string[]) => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
};

const tiers = () => {
  let far: FarRig;
  let folder: string;
  const at = (tier: TierName) => path.join(folder, tier);
  const isRight = async (name: string) =>
    assert.ok((await files.readFile(path.join(far.mountpoint, name))).equals(contentOf(name)), name);
  const allRight = async () => {
    for (const name of NAMES) await isRight(name);
  };
  const told = async (): Promise<CacheTier[]> => {
    const [mount] = await far.rig.client.call('listMounts', {});
    return mount?.cache?.tiers ?? [];
  };
  const oneOf = async (tier: TierName) => (await told()).find((one) => one.tier === tier);
  const blocksOf = (tier: TierName) => {
    const [found] = fs.readdirSync(at(tier)).filter((name) => name.endsWith(`-${tier}`));
    return path.join(at(tier), found ?? 'none', 'blocks');
  };

  before(async () => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'causeway-cache-tiers-'));
    for (const tier of TIERS) {
      fs.mkdirSync(at(tier));
      run('mount', '-t', 'tmpfs', '-o', 'size=576m', 'tmpfs', at(tier));
    }
    const cacheTiers = TIERS.map((tier) => ({
      tier,
      folder: at(tier),
      sizeBytes: (tier === 'hot' ? 16 : 32) * MIB,
    }));
    far = await startFarMount({ cacheTiers, cacheMs: 0, cacheMemoryBytes: 0 });
    for (const name of NAMES) fs.writeFileSync(path.join(far.source, name), contentOf(name));
    const { ctimeMs } = fs.statSync(path.join(far.source, 'h'));
    await until('the last change is old enough', () => Date.now() - ctimeMs > 2_200);
  });
  after(async () => {
    await far?.[Symbol.asyncDispose]();
    for (const tier of TIERS) spawnSync('umount', ['-l', at(tier)]);
    fs.rmSync(folder, { recursive: true }); // while a disk was away the cache may have made its folder in its place
  });

  it('fills them up to what they may hold, and answers from both', async () => {
    for (let round = 0; round < 3; round += 1) await allRight();
    await until('both have answered', async () => {
      await allRight();
      return (await told()).every(({ hits }) => hits > 0);
    });
    for (const { tier, capacityBytes, residentBytes, reads, hits } of await told()) {
      assert.ok(residentBytes > 0 && residentBytes <= capacityBytes);
      assert.ok(fs.statSync(blocksOf(tier)).size <= capacityBytes);
      assert.equal(reads.count, hits);
    }
  });

  it('serves no wrong byte where 1,000 places of them were changed, and counts what it has found', async () => {
    const dice = Dice.fromSeed(SEED);
    for (const tier of TIERS) {
      const file = fs.openSync(blocksOf(tier), 'r+');
      try {
        const { size } = fs.fstatSync(file);
        for (let place = 0; place < 500; place += 1) {
          const offset = dice.between(0, size - 1);
          const byte = Buffer.alloc(1);
          fs.readSync(file, byte, 0, 1, offset);
          fs.writeSync(file, Buffer.of((byte[0] ?? 0) ^ (1 << dice.between(0, 7))), 0, 1, offset);
        }
      } finally {
        fs.closeSync(file);
      }
    }
    await allRight();
    const damaged = (await told()).reduce((sum, tier) => sum + tier.damaged, 0);
    assert.ok(damaged > 0, `SEED=${SEED}`);
  });

  it('goes on where the disk of one has no room', async () => {
    run('dd', 'if=/dev/zero', `of=${path.join(at('warm'), 'others')}`, 'bs=1M', 'count=60', 'status=none');
    for (let round = 0; round < 2; round += 1) await allRight();
    fs.rmSync(path.join(at('warm'), 'others'));
  });

  it('goes on where one is read-only after a restart, and says so', async () => {
    await far.rig.daemon.kill(); // a file system with files that are open for writing stays writable
    run('mount', '-o', 'remount,ro', at('hot'));
    far.rig.startDaemon();
    await far.rig.daemon.ready;
    await until('it is mounted again', () => fs.existsSync(path.join(far.mountpoint, 'a')));
    await until('it says so', async () => {
      await allRight();
      return (await oneOf('hot'))?.state === 'read-only';
    });
    const { bypassedForMs, why } = (await oneOf('hot')) as CacheTier;
    assert.ok(bypassedForMs !== null && bypassedForMs >= 0 && why !== null);
  });

  it('goes on where one goes away', async () => {
    run('umount', '-l', at('hot'));
    for (let round = 0; round < 2; round += 1) await allRight();
  });

  it('leaves nothing of itself behind once it is unmounted', async () => {
    const { mountpoint } = far;
    await far.rig.client.call('removeMount', {}, { mountpoint });
    assert.deepEqual(fs.readdirSync(at('warm')), []);
  });
};
if (skip !== false || process.getuid?.() === 0) describe('a mount with a cache in tiers', { skip }, tiers);
