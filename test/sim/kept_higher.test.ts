import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { parseName } from '../../src/base/path.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { COPY_ID, Keys, runAgent, runDaemon } from './copy_scenario.ts';

const ID = toHex(COPY_ID);

/** As an attempt leaves it that was killed before it had flushed the removal of what it had kept above the destination. */
async function removeUnflushed(world: World): Promise<void> {
  await using above = await world.disk.openRoot('/dst');
  const kept = await above.openDir(parseName('.causeway'));
  await kept.removeDir(parseName(ID));
  await kept.close();
  await above.removeDir(parseName('.causeway'));
}

test('what was kept above a new destination does not come back once its folder keeps something: it would be forgotten', async () => {
  const sim = new Sim(1, NO_FAULTS);
  const [host, guest] = [sim.machine('host'), sim.machine('guest')];
  host.disk.writeTree('/src/tree', { file: new Uint8Array(3_000).fill(1) });
  guest.disk.writeTree('/dst/tree', {});
  guest.disk.writeTree(`/dst/.causeway/${ID}`, {});
  const keys = new Keys();
  const progress = { done: false, attempts: 0, reusedBytes: 0, zeroBytes: 0 };
  let removed = false;
  const agent = guest.supervise('agent', async (world) => {
    if (!removed) await removeUnflushed(world);
    removed = true;
    await runAgent(world, false, keys);
  });
  const daemon = host.supervise('daemon', (world) =>
    runDaemon(world, { secure: false, inward: true, keys, progress }),
  );
  const kept = (folder: string) =>
    guest.disk.listAll(folder).some(({ path }) => path === `${folder}/.causeway/${ID}`);
  await sim.runUntil(() => kept('/dst/tree'), { maxVirtualMs: 60_000 });
  assert.ok(kept('/dst/tree'), 'an attempt has begun');
  guest.powerCut();
  assert.ok(!kept('/dst'), 'what was above is gone for good');
  agent.stop();
  daemon.stop();
});
