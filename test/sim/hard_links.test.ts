import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName, parseRelPath } from '../../src/base/path.ts';
import { makeHardLinks } from '../../src/transfer/hard_links.ts';
import { MetadataRules } from '../../src/transfer/metadata.ts';
import { Ownership } from '../../src/transfer/ownership.ts';
import { PartialStore } from '../../src/transfer/partial_store.ts';
import { PlanSpool } from '../../src/transfer/plan_spool.ts';
import { MARK, SinkPlan } from '../../src/transfer/sink_plan.ts';
import { StageMeter } from '../../src/transfer/stage_meter.ts';
import { DirCache } from '../../src/tree/dir_cache.ts';
import { encodePlan } from '../../src/wire/copy_messages.ts';
import type { PlanEntry, Problem } from '../../src/wire/copy_types.ts';
import type { Dir } from '../../src/world/disk.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

const CONTENT = Buffer.concat([Buffer.alloc(1_500_000, 'c'), Buffer.alloc(1_500_000), Buffer.from('end')]);
const PLAIN = {
  kind: 'file',
  sizeBytes: CONTENT.byteLength,
  mode: 0o640,
  mtimeNs: 5_000n,
  ctimeNs: 1n,
} as const;
const FIRST: PlanEntry = { path: 'first', ...PLAIN, inode: '1', linkTarget: '' };

/** A folder whose files can have one name only. */
function withoutLinks(dir: Dir): Dir {
  return Object.defineProperty(dir, 'caps', { value: { ...dir.caps, links: null } });
}

async function link(world: World, where: (dir: Dir) => Dir, known: boolean) {
  const root = await world.disk.openRoot('/dst');
  const dirs = new DirCache(where(root));
  const { store } = await PartialStore.open(root, new Uint8Array(16).fill(3));
  const made = await store.dir.self();
  const rules = new MetadataRules(
    new Ownership({ options: {}, processUserId: 0, fileSystem: 'ext4', possible: true, made }),
    true,
  );
  const second = {
    ...FIRST,
    path: 'second',
    kind: 'hardLink',
    sizeBytes: 0,
    linkTarget: 'first',
    first: 0,
  } as const;
  const plan = new SinkPlan(new PlanSpool(world.compression), (entry) => parseRelPath(entry.path));
  const entries: PlanEntry[] = [FIRST, second];
  plan.add(encodePlan(entries));
  plan.setMark(0, known ? MARK.nothing : MARK.lost);
  const problems: Problem[] = [];
  const onProblem = (problem: Problem) => void problems.push(problem);
  const making = { dirs, rules, onProblem, meter: new StageMeter(world.clock) };
  const parts = { ...making, store, undo: null, plan, offload: world.offload };
  const copied = await makeHardLinks(plan.marked(MARK.hardLink), parts);
  await store.remove();
  const stat = known ? await root.stat(parseName('second')) : null;
  await dirs[Symbol.asyncDispose]();
  await root.close();
  return { problems, copied, stat };
}

for (const { how, where, known, links } of [
  { how: 'is linked', where: (dir: Dir) => dir, known: true, links: 2 },
  { how: 'is copied where there are no hard links', where: withoutLinks, known: true, links: 1 },
  { how: 'is told where the file is not in place', where: (dir: Dir) => dir, known: false, links: 0 },
])
  test(`a further name of a file ${how}, and survives a power cut`, async () => {
    const sim = new Sim(1, NO_FAULTS);
    const machine = sim.machine('m');
    machine.disk.writeTree('/dst', { first: CONTENT, second: Buffer.from('what stood there') });
    let result: Awaited<ReturnType<typeof link>> | undefined;
    await sim.run(machine, async (world) => {
      result = await link(world, where, known);
    });
    const { problems, copied, stat } = result as NonNullable<typeof result>;
    machine.powerCut();
    const shown = Buffer.from(machine.disk.readFile('/dst/second')!);
    if (!known) {
      assert.deepEqual(
        problems.map(({ code }) => code),
        ['CW_COPY_SOURCE_CHANGED'],
      );
      assert.equal(shown.toString(), 'what stood there');
      return;
    }
    assert.deepEqual(problems, []);
    assert.equal(copied, links === 1 ? 1 : 0);
    assert.equal(stat?.linkCount, links);
    assert.ok(shown.equals(CONTENT));
    if (links === 1) assert.equal(stat?.mode, 0o644, 'as the file that is in place');
    assert.ok(!machine.disk.listAll('/dst').some(({ path }) => path.includes('.causeway')));
  });
