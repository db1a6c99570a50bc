import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { hashBytes } from '../../src/base/hash.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { parseName, parseRelPath } from '../../src/base/path.ts';
import { contentMark } from '../../src/transfer/undo/identity.ts';
import { type Placing, UndoKeeper } from '../../src/transfer/undo/keeper.ts';
import { expireUndo, undoSets } from '../../src/transfer/undo/quota.ts';
import { undoCopy } from '../../src/transfer/undo/undo.ts';
import { DirCache } from '../../src/tree/dir_cache.ts';
import type { UndoFigures } from '../../src/wire/copy_types.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

const OLD = Buffer.alloc(40_000, 'o');
const NAMES = ['a', 'b', 'c'] as const;

interface Copied {
  readonly figures: UndoFigures | null;
  /** Entries that were not replaced, with the code. */
  readonly refused: Record<string, string>;
}

/** Replaces some files as a copy does. */
async function replace(
  world: World,
  id: number,
  options: { names: readonly string[]; quotaBytes: number; mode?: 'auto' | 'require' },
): Promise<Copied> {
  await using root = await world.disk.openRoot('/dst');
  await using dirs = new DirCache(root);
  const { names, quotaBytes, mode = 'auto' } = options;
  const undoId = new Uint8Array(16).fill(id);
  const parts = { world, root, dirs, undoId, destination: '/dst', chunkBytes: LIMITS.chunkMinBytes.value };
  const keeper = new UndoKeeper({ ...parts, mode, quotaBytes });
  try {
    await keeper.begin(await root.self());
    const placings = names.map((name): Placing => {
      const content = utf8(`new ${id} ${name}`);
      const known = { byChunks: false, inode: null, mtimeNs: 7_000n, mark: contentMark(hashBytes(content)) };
      return { target: parseRelPath(name), kind: 'file', sizeBytes: content.byteLength, ...known };
    });
    const failures = await keeper.keep(placings);
    await keeper.stable();
    for (const placing of placings) {
      if (failures.has(placing)) continue;
      const temporary = parseName(`temporary ${placing.target}`);
      await using file = await root.openFile(temporary, 'create');
      await file.write(utf8(`new ${id} ${placing.target}`), 0);
      await file.setAttrs({ mtimeNs: 7_000n });
      await root.rename(temporary, root, parseName(placing.target));
    }
    const refused = [...failures].map(([{ target }, { code }]) => [target, code]);
    return { figures: keeper.figures, refused: Object.fromEntries(refused) };
  } finally {
    await keeper.close();
  }
}

async function inWorld(run: (world: World, sim: Sim) => Promise<void>): Promise<Sim> {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('guest');
  machine.disk.writeTree('/dst', Object.fromEntries(NAMES.map((name) => [name, OLD])));
  await sim.run(machine, (world) => run(world, sim), { maxVirtualMs: 30 * 86_400_000 });
  return sim;
}

async function sets(world: World): Promise<number> {
  await using root = await world.disk.openRoot('/dst');
  return (await undoSets(root)).length;
}

test('undo that is over its time goes when the next copy comes, and not before', async () => {
  await inWorld(async (world) => {
    const first = await replace(world, 1, { names: ['a'], quotaBytes: 1e9 });
    assert.equal(first.figures?.kept, 1);
    await world.clock.sleep(LIMITS.undoKeepMs.value - 60_000);
    await using root = await world.disk.openRoot('/dst');
    assert.equal(await expireUndo(world, root), 0);
    await world.clock.sleep(120_000);
    await replace(world, 2, { names: ['b'], quotaBytes: 1e9 });
    assert.equal(await sets(world), 1);
    assert.equal(await undoCopy(world, '/dst', new Uint8Array(16).fill(1)), null);
  });
});

test('the oldest undo goes first where the quota is used up', async () => {
  const sim = await inWorld(async (world) => {
    const quotaBytes = OLD.byteLength * 2 + 20_000;
    for (const [at, name] of NAMES.entries()) {
      await replace(world, at + 1, { names: [name], quotaBytes });
      await world.clock.sleep(1_000);
    }
    assert.equal(await sets(world), 2);
    assert.equal(await undoCopy(world, '/dst', new Uint8Array(16).fill(1)), null);
    const last = await undoCopy(world, '/dst', new Uint8Array(16).fill(3));
    assert.deepEqual([last?.report.restored, last?.report.problemCount], [1, 0]);
  });
  const { disk } = sim.machine('guest');
  assert.equal(Buffer.from(disk.readFile('/dst/a')!).toString(), 'new 1 a');
  assert.deepEqual(Buffer.from(disk.readFile('/dst/c')!), OLD);
});

test('a copy that alone keeps more goes on, and says from where on it cannot be undone', async () => {
  const sim = await inWorld(async (world) => {
    const { figures, refused } = await replace(world, 1, {
      names: NAMES,
      quotaBytes: OLD.byteLength + 20_000,
    });
    assert.deepEqual(refused, {});
    assert.deepEqual([figures?.kept, figures?.missing, figures?.missingFrom], [1, 1, 'b']);
    const undone = await undoCopy(world, '/dst', new Uint8Array(16).fill(1));
    assert.deepEqual(
      undone?.report.problems.map(({ path, code }) => [path, code]),
      [['b', 'CW_UNDO_LOST']],
    );
  });
  const { disk } = sim.machine('guest');
  assert.deepEqual(Buffer.from(disk.readFile('/dst/a')!), OLD);
  assert.equal(Buffer.from(disk.readFile('/dst/b')!).toString(), 'new 1 b');
});

test('with `require` what cannot be kept is not replaced', async () => {
  const sim = await inWorld(async (world) => {
    const quotaBytes = OLD.byteLength + 20_000;
    const { refused } = await replace(world, 1, { names: NAMES, quotaBytes, mode: 'require' });
    assert.deepEqual(refused, { b: 'CW_UNDO_IMPOSSIBLE', c: 'CW_UNDO_IMPOSSIBLE' });
  });
  assert.deepEqual(Buffer.from(sim.machine('guest').disk.readFile('/dst/b')!), OLD);
});
