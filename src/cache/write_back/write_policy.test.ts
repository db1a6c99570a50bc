import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCausewayError } from '../../base/errors.ts';
import { parseRelPath, type RelPath } from '../../base/path.ts';
import type { FileTree } from '../../tree/files/file_tree.ts';
import { MemoryTree } from '../../tree/files/memory_tree.ts';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { WriteBackTree } from './write_back_tree.ts';
import { type FlushPolicy, passesBy, wholePolicy } from './write_policy.ts';

const at = (path: string): RelPath => parseRelPath(path);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;
const USUAL: FlushPolicy = { dirtyMaxBytes: 2 ** 22, ageMs: HOUR_MS };

interface Stage {
  readonly world: World;
  readonly far: FileTree;
  readonly tree: WriteBackTree;
}

function onStage(work: (stage: Stage) => Promise<void>, policy: Partial<FlushPolicy> = {}): Promise<void> {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
  return sim.run(machine, async (world) => {
    const far = new MemoryTree(world.clock);
    const key = new Uint8Array(32);
    const place = { folder: '/d', name: 'j', key, segmentBytes: 2 ** 16, reserveBytes: 0 };
    const { clock, random, disk } = world;
    const ports = { clock, random, disk, crypto: createSimCryptography() };
    const settings = { place, owner: { userId: 0, groupId: 0 }, ...USUAL, ...policy };
    await using tree = await WriteBackTree.open(ports, far, settings);
    await work({ world, far, tree });
  });
}

async function make(tree: FileTree, path: string, text: string): Promise<void> {
  await using file = await tree.open(at(path), 'create');
  await file.write(bytes(text), 0);
}

/** Null where there is none. */
async function textOf(tree: FileTree, path: string): Promise<string | null> {
  try {
    await using file = await tree.open(at(path), 'read');
    const into = new Uint8Array(10_000);
    return Buffer.from(into.subarray(0, await file.read(into, 0))).toString();
  } catch (failure) {
    assert.equal(asCausewayError(failure).code, 'CW_DISK_NOT_FOUND');
    return null;
  }
}

const codeOf = (doing: Promise<unknown>) =>
  doing.then(
    () => null,
    (failure) => asCausewayError(failure).code,
  );

describe('what goes past the journal', () => {
  for (const [policy, write, passes] of [
    [{}, { sizeBytes: 2 ** 40, runBytes: 2 ** 40, linkCount: 1 }, false],
    [{}, { sizeBytes: 1, runBytes: 1, linkCount: 2 }, true],
    [{ writes: 'split', splitBytes: 100 }, { sizeBytes: 99, runBytes: 99, linkCount: 1 }, false],
    [{ writes: 'split', splitBytes: 100 }, { sizeBytes: 100, runBytes: 1, linkCount: 1 }, true],
    [{ writes: 'write-through' }, { sizeBytes: 1, runBytes: 1, linkCount: 1 }, true],
    [{ writes: 'around' }, { sizeBytes: 1, runBytes: 1, linkCount: 1 }, true],
    [{ cutoffBytes: 10 }, { sizeBytes: 100, runBytes: 10, linkCount: 1 }, false],
    [{ cutoffBytes: 10 }, { sizeBytes: 100, runBytes: 11, linkCount: 1 }, true],
  ] as const)
    it(`${JSON.stringify(policy)}: ${JSON.stringify(write)} ${passes ? 'does' : 'does not'}`, () => {
      assert.equal(passesBy(wholePolicy({ ...USUAL, ...policy }), write), passes);
    });
});

describe('a cache of another policy', () => {
  it('split: small files wait; one that grows past the size is sent on, and goes on over there', () =>
    onStage(
      async ({ far, tree }) => {
        await make(tree, 'small', 'small');
        assert.equal(await textOf(far, 'small'), null, 'it waits');
        await using file = await tree.open(at('large'), 'create');
        await file.write(bytes('12345'), 0);
        assert.equal(await textOf(far, 'large'), null, 'it waits as long as it is small');
        await file.write(bytes('67890'), 5);
        assert.equal(await textOf(far, 'large'), '1234567890');
        await file.write(bytes('X'), 0);
        assert.equal(await textOf(far, 'large'), 'X234567890', 'a small write to a large file does not wait');
        await file.truncate(3);
        assert.equal(await textOf(far, 'large'), 'X23');
        await file.write(bytes('4'), 3);
        assert.equal(await textOf(far, 'large'), 'X23', 'it is small again');
        assert.equal(await textOf(tree, 'large'), 'X234');
        await tree.flush(NEVER);
        assert.deepEqual([await textOf(far, 'large'), tree.status.conflicts.length], ['X234', 0]);
      },
      { writes: 'split', splitBytes: 10 },
    ));

  it('a file that is written in order passes the journal by once it is longer than the cut-off', () =>
    onStage(
      async ({ far, tree }) => {
        await using file = await tree.open(at('log'), 'create');
        for (const [index, part] of ['aa', 'bb', 'cc'].entries()) await file.write(bytes(part), index * 2);
        assert.equal(await textOf(far, 'log'), 'aabbcc');
        await file.write(bytes('X'), 0);
        assert.deepEqual([await textOf(far, 'log'), await textOf(tree, 'log')], ['aabbcc', 'Xabbcc']);
        await tree.flush(NEVER);
        assert.deepEqual([await textOf(far, 'log'), tree.status.conflicts.length], ['Xabbcc', 0]);
      },
      { cutoffBytes: 4 },
    ));

  for (const writes of ['write-through', 'around'] as const)
    it(`${writes}: every change is over there when it is acknowledged`, () =>
      onStage(
        async ({ far, tree }) => {
          await tree.create(at('d'), { kind: 'directory' });
          await using file = await tree.open(at('d/f'), 'create');
          await file.write(bytes('there'), 0);
          assert.equal(await textOf(far, 'd/f'), 'there');
          await tree.setAttrs(at('d/f'), { mode: 0o600 });
          assert.equal((await far.lookup(at('d/f'))).mode, 0o600);
          await make(tree, 'g', 'goes');
          await tree.rename(at('d/f'), at('g'), { replace: true });
          assert.deepEqual([await textOf(far, 'd/f'), await textOf(far, 'g')], [null, 'there']);
          await tree.remove(at('g'));
          assert.equal(await textOf(far, 'g'), null);
          await file.write(bytes('T'), 0);
          await file.publish();
          const into = new Uint8Array(9);
          assert.equal(Buffer.from(into.subarray(0, await file.read(into, 0))).toString(), 'There');
          assert.deepEqual([tree.status.changes, await textOf(far, 'g')], [0, null]);
        },
        { writes },
      ));

  it('is set while files are open: what waits is sent on, nothing is lost, and nothing is changed once it is read-only', () =>
    onStage(async ({ far, tree }) => {
      await using file = await tree.open(at('f'), 'create');
      await file.write(bytes('back '), 0);
      tree.policy = { ...USUAL, writes: 'write-through' };
      await file.write(bytes('through '), 5);
      assert.equal(await textOf(far, 'f'), 'back through ');
      tree.policy = USUAL;
      await file.write(bytes('back '), 13);
      await make(tree, 'waits', 'waits');
      tree.policy = { ...USUAL, writes: 'read-only' };
      assert.equal(await codeOf(file.write(bytes('no'), 0)), 'CW_DISK_READ_ONLY');
      assert.equal(await codeOf(tree.open(at('f'), 'write')), 'CW_DISK_READ_ONLY');
      for (const change of [
        make(tree, 'new', ''),
        tree.create(at('d'), { kind: 'directory' }),
        tree.remove(at('f')),
        tree.rename(at('f'), at('g'), { replace: true }),
        tree.setAttrs(at('f'), { mode: 0o600 }),
      ])
        assert.equal(await codeOf(change), 'CW_DISK_READ_ONLY');
      await tree.waitClean(NEVER);
      assert.deepEqual([await textOf(far, 'f'), await textOf(far, 'waits')], ['back through back ', 'waits']);
      assert.deepEqual([tree.status.conflicts, tree.status.failures], [[], []]);
    }));

  it('sends on once in an interval, in batches, and from the watermark on whatever their age', () =>
    onStage(
      async ({ far, tree, world }) => {
        await make(tree, 'a', 'a');
        await world.clock.sleep(2_000);
        assert.equal(await textOf(far, 'a'), 'a');
        await make(tree, 'b', 'b');
        await world.clock.sleep(5_000);
        assert.equal(await textOf(far, 'b'), null, 'it is due, and the interval is not over');
        await world.clock.sleep(60_000);
        assert.equal(await textOf(far, 'b'), 'b');
        await make(tree, 'c', 'c'.repeat(900));
        await world.clock.sleep(2_000);
        assert.equal(await textOf(far, 'c'), 'c'.repeat(900), 'there is too much of it');
      },
      { dirtyMaxBytes: 1_000, ageMs: 1_000, intervalMs: 60_000, batch: 1, startShare: 0.8, stopShare: 0.1 },
    ));
});

describe('a name in a folder that waits', () => {
  it('is made over there after the folder, by a change that does not wait', () =>
    onStage(async ({ far, tree }) => {
      await far.create(at('old'), { kind: 'directory' });
      await tree.create(at('new'), { kind: 'directory' });
      await tree.rename(at('old'), at('new/old'), { replace: true });
      assert.equal((await far.lookup(at('new/old'))).kind, 'directory');
    }));
});
