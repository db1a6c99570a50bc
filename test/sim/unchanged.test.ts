import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName, parseRelPath } from '../../src/base/path.ts';
import { FreshFolders } from '../../src/transfer/fresh_folders.ts';
import { LookAhead } from '../../src/transfer/look_ahead.ts';
import { MetadataRules } from '../../src/transfer/metadata.ts';
import { Ownership } from '../../src/transfer/ownership.ts';
import { PlanSpool } from '../../src/transfer/plan_spool.ts';
import { MARK, SinkPlan } from '../../src/transfer/sink_plan.ts';
import { StageMeter } from '../../src/transfer/stage_meter.ts';
import { markUnchanged } from '../../src/transfer/unchanged.ts';
import { VersionsThere } from '../../src/transfer/versions_there.ts';
import { DirCache } from '../../src/tree/dir_cache.ts';
import { encodePlan } from '../../src/wire/copy_messages.ts';
import type { PlanEntry } from '../../src/wire/copy_types.ts';
import { planColumns } from '../../src/wire/plan_page.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = process.env['SEED'] === undefined ? 60 : 1;
const CONTENT = Buffer.alloc(30_000, 'n');

/** Puts files in place as a copy does whose last flush fails, and gives the plan of the same copy taken up again. */
async function putInPlace(world: World, count: number): Promise<PlanEntry[]> {
  const root = await world.disk.openRoot('/dst');
  const sub = await root.openDir(parseName('sub'));
  const plan: PlanEntry[] = [];
  for (let at = 0; at < count; at += 1) {
    const name = parseName(`f${at}`);
    const file = await root.openFile(name, 'create');
    for (let done = 0; done < CONTENT.byteLength; ) done += await file.write(CONTENT.subarray(done), done);
    await file.setAttrs({ mode: 0o644, mtimeNs: 5_000n });
    await file.close();
    await root.rename(name, sub, name);
    const path = `sub/f${at}`;
    const times = { mtimeNs: 5_000n, ctimeNs: 1n };
    plan.push({ path, kind: 'file', sizeBytes: 30_000, mode: 0o644, ...times, inode: '1', linkTarget: '' });
  }
  await sub.close();
  await root.close();
  return plan;
}

async function passOver(world: World, plan: readonly PlanEntry[], looksAhead: boolean): Promise<number> {
  const root = await world.disk.openRoot('/dst');
  const dirs = new DirCache(root);
  const files = new SinkPlan(new PlanSpool(world.compression), (entry) => parseRelPath(entry.path));
  files.add(encodePlan(plan), planColumns(plan));
  const meter = new StageMeter(world.clock);
  const ahead = looksAhead ? new LookAhead({ root, offload: world.offload, meter }) : null;
  await ahead?.take(files.added!);
  const { signal } = new AbortController();
  const made = await root.self();
  const ownership = new Ownership({
    options: {},
    processUserId: 0,
    fileSystem: 'ext4',
    possible: true,
    made,
  });
  const found = await markUnchanged(files, {
    rules: new MetadataRules(ownership, true),
    root,
    dirs,
    offload: world.offload,
    undo: null,
    ignoreTimes: false,
    contents: null,
    linking: null,
    wholeFile: false,
    versions: new VersionsThere(dirs),
    fresh: new FreshFolders(),
    ahead,
    meter,
    signal,
  });
  assert.equal(files.count(MARK.unchanged), found.files);
  await dirs[Symbol.asyncDispose]();
  await root.close();
  return found.files;
}

for (const { count, how } of [
  { count: 3, how: 'one by one' },
  { count: 40, how: 'all at once' },
  { count: 40, how: 'all, where the whole file system cannot be flushed' },
]) {
  const alone = how.includes('cannot');
  test(`what is passed over as unchanged survives a power cut: ${how}`, async () => {
    const plan = alone ? { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, noSyncFileSystem: true } } : NO_FAULTS;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const sim = new Sim(seed, plan);
      const machine = sim.machine('m');
      machine.disk.writeTree('/dst/sub', {});
      await sim.run(machine, async (world) => {
        const files = await putInPlace(world, count);
        assert.equal(await passOver(world, files, seed % 2 === 0), count, `SEED=${seed}`);
      });
      machine.powerCut();
      for (let at = 0; at < count; at += 1)
        assert.ok(
          CONTENT.equals(machine.disk.readFile(`/dst/sub/f${at}`) ?? Buffer.alloc(0)),
          `f${at} is not what it was, SEED=${seed}`,
        );
    }
  });
}
