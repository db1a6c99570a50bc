import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { WarmList } from './warm_list.ts';

const ENTRY = { of: { file: 'f', version: 'v', sizeBytes: 10 }, block: 0, weight: 1, afterMs: 5 };

function withList(work: (list: WarmList, world: World, other: WarmList) => Promise<void>): Promise<void> {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', { cache: {} });
  return sim.run(machine, async (world) => {
    const { random, disk } = world;
    const ports = { random, disk, crypto: createSimCryptography() };
    const of = (key: number) =>
      new WarmList(ports, { folder: '/d', name: 'cache', key: new Uint8Array(32).fill(key) });
    await work(of(1), world, of(2));
  });
}

it('a list of what was read after a start is there at the next one, for who has the key', () =>
  withList(async (list, _world, other) => {
    assert.deepEqual(await list.load(), []);
    await list.save([ENTRY]);
    await list.save([ENTRY, { ...ENTRY, block: 1 }]);
    assert.deepEqual(await list.load(), [ENTRY, { ...ENTRY, block: 1 }]);
    assert.deepEqual(await other.load(), []);
  }));

it('a list that was changed on the disk is none', () =>
  withList(async (list, world) => {
    await list.save([ENTRY]);
    await using root = await world.disk.openRoot('/d/cache');
    for await (const { name } of root.list()) {
      await using file = await root.openFile(name as never, 'write');
      await file.write(Uint8Array.of(1, 2, 3, 4), 30);
    }
    assert.deepEqual(await list.load(), []);
  }));
