import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName, parseRelPath } from '../../src/base/path.ts';
import { LookAhead, SEEN } from '../../src/transfer/look_ahead.ts';
import { PlanSpool } from '../../src/transfer/plan_spool.ts';
import { SinkPlan } from '../../src/transfer/sink_plan.ts';
import { StageMeter } from '../../src/transfer/stage_meter.ts';
import { encodePlan } from '../../src/wire/copy_messages.ts';
import type { PlanEntry } from '../../src/wire/copy_types.ts';
import { planColumns } from '../../src/wire/plan_page.ts';
import type { Dir } from '../../src/world/disk.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';

async function put(dir: Dir, text: string, mode: number, content: string): Promise<void> {
  const file = await dir.openFile(parseName(text), 'create');
  await file.write(Buffer.from(content), 0);
  await file.setAttrs({ mode, mtimeNs: 5_000n });
  await file.close();
}

function planned(path: string, more: Partial<PlanEntry> = {}): PlanEntry {
  const stat = { sizeBytes: 3, mode: 0o644, mtimeNs: 5_000n, ctimeNs: 1n, inode: '1' };
  return { path, kind: 'file', ...stat, linkTarget: '', ...more };
}

test('what stands at the destination is seen page by page, whatever has another name there is left for later', async () => {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/dst/there', {});
  await sim.run(machine, async (world) => {
    const root = await world.disk.openRoot('/dst');
    const dir = await root.openDir(parseName('there'));
    await put(dir, 'same', 0o644, 'abc');
    await put(dir, 'mode', 0o600, 'abc');
    await put(dir, 'longer', 0o644, 'abcd');
    await dir.makeDir(parseName('folder'));
    await dir.makeDir(parseName('alike'));
    await dir.setAttrs(parseName('alike'), { mode: 0o755, mtimeNs: 5_000n });
    const { userId, groupId } = await dir.stat(parseName('same'));
    const renamed = (path: string) => (path === 'top' ? 'another' : path);
    const plan = new SinkPlan(new PlanSpool(world.compression), ({ path }) => parseRelPath(renamed(path)));
    const ahead = new LookAhead({ root, offload: world.offload, meter: new StageMeter(world.clock) });
    const folder = { kind: 'directory', sizeBytes: 0, mode: 0o755 } as const;
    const pages: (readonly [PlanEntry, number])[][] = [
      [
        [planned('there', { kind: 'directory', sizeBytes: 0 }), SEEN.other],
        [planned('there/same', { userId, groupId }), SEEN.same | SEEN.sameMode | SEEN.sameOwner],
        [planned('there/same'), SEEN.same | SEEN.sameMode],
        [planned('there/mode', { userId: userId + 1, groupId }), SEEN.same],
        [planned('there/longer'), SEEN.other],
        [planned('there/absent'), SEEN.nothing],
        [planned('there/folder'), SEEN.nothing],
        [planned('top'), SEEN.unknown],
        [
          planned('there/alike', { ...folder, userId, groupId }),
          SEEN.same | SEEN.sameMode | SEEN.sameOwner | SEEN.bare,
        ],
        [planned('there/alike', { ...folder, mtimeNs: 6_000n }), SEEN.other],
        [planned('there/same', folder), SEEN.other],
        [planned('there/no-folder', folder), SEEN.nothing],
      ],
      [
        [planned('gone/below/a'), SEEN.nothing],
        [planned('there/same'), SEEN.same | SEEN.sameMode],
        [planned('gone/b'), SEEN.nothing],
        [planned('here-not'), SEEN.nothing],
      ],
    ];
    for (const page of pages) {
      const entries = page.map(([entry]) => entry);
      plan.add(encodePlan(entries), planColumns(entries));
      await ahead.take(plan.added!);
    }
    await ahead.settled();
    const seen = pages.flat().map((_, index) => ahead.of(index));
    assert.deepEqual(
      seen,
      pages.flat().map(([, wanted]) => wanted),
    );
    assert.equal(ahead.of(pages.flat().length), SEEN.unknown);
    await ahead.close();
    await dir.close();
    await root.close();
  });
});
