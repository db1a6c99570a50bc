import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { parseName, parseRelPath, type RelPath } from '../../src/base/path.ts';
import { JobFolders } from '../../src/transfer/job_folders.ts';
import { SEEN } from '../../src/transfer/look_ahead.ts';
import { hasNoLists, MetadataRules } from '../../src/transfer/metadata.ts';
import { Ownership } from '../../src/transfer/ownership.ts';
import {
  type FolderMaking,
  finishFolders,
  isFolderSettled,
  makeFolders,
} from '../../src/transfer/sink_folders.ts';
import type { Placed } from '../../src/transfer/sink_plan.ts';
import { StageMeter } from '../../src/transfer/stage_meter.ts';
import { DirCache } from '../../src/tree/dir_cache.ts';
import type { PlanEntry, Problem } from '../../src/wire/copy_types.ts';
import type { Dir } from '../../src/world/disk.ts';
import type { XattrStore } from '../../src/world/disk_caps.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

function folder(path: string, more: Partial<PlanEntry> = {}): Placed {
  const stat = { sizeBytes: 0, mode: 0o750, mtimeNs: 7_000n, ctimeNs: 1n, inode: '1', linkTarget: '' };
  return { entry: { path, kind: 'directory', ...stat, ...more }, target: parseRelPath(path) };
}

function making(world: World, root: Dir, problems: Problem[]): FolderMaking {
  const made = { userId: 0, groupId: 0 };
  const parts = { options: {}, processUserId: 0, fileSystem: 'ext4', possible: true, made };
  return {
    root,
    dirs: new DirCache(root),
    offload: world.offload,
    meter: new StageMeter(world.clock),
    rules: new MetadataRules(new Ownership(parts), true),
    onProblem: (problem) => problems.push(problem),
  };
}

async function inDestination(work: (world: World, root: Dir) => Promise<void>): Promise<void> {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/dst', {});
  await sim.run(machine, async (world) => {
    const root = await world.disk.openRoot('/dst');
    await work(world, root);
    await root.close();
  });
}

test('folders are made parents first and get their attributes; what stands in the way is told, the rest goes on', () =>
  inDestination(async (world, root) => {
    await root.makeDir(parseName('there'), 0o700);
    await (await root.openFile(parseName('file'), 'create')).close();
    const problems: Problem[] = [];
    const parts = making(world, root, problems);
    const plan = ['there', 'there/new', 'there/new/deep', 'file', 'file/below', 'other'].map((path) =>
      folder(path),
    );
    const fresh = await makeFolders(plan, parts, () => false);
    assert.deepEqual(
      plan.map(({ target }) => fresh.has(target)),
      [false, true, true, false, false, true],
    );
    assert.deepEqual(
      problems.map(({ path, code }) => [path, code]),
      [
        ['file', 'CW_COPY_KIND'],
        ['file/below', 'CW_DISK_NOT_DIRECTORY'],
      ],
    );
    problems.length = 0;
    await finishFolders(plan.filter(({ target }) => !target.startsWith('file')).reverse(), parts, fresh);
    assert.deepEqual(problems, []);
    const stats = async (dir: Dir, name: string) => {
      const { mode, mtimeNs } = await dir.stat(parseName(name));
      return [mode, mtimeNs];
    };
    assert.deepEqual(await stats(root, 'there'), [0o750, 7_000n]);
    assert.deepEqual(await stats(await root.openDir(parseName('there')), 'new'), [0o750, 7_000n]);
    assert.deepEqual(await stats(root, 'other'), [0o750, 7_000n]);
    await parts.dirs[Symbol.asyncDispose]();
  }));

test('folders of which it is known that they are there are not made; more than one piece of work holds are all made', () =>
  inDestination(async (world, root) => {
    const problems: Problem[] = [];
    const parts = making(world, root, problems);
    const count = 2 * LIMITS.folderBatchMax.value + 3;
    const plan = Array.from({ length: count }, (_, at) => folder(`f${at}`));
    const fresh = await makeFolders(plan, parts, ({ target }) => target === 'f1');
    assert.deepEqual(problems, []);
    assert.equal(plan.filter(({ target }) => fresh.has(target)).length, count - 1);
    await assert.rejects(root.stat(parseName('f1')), { code: 'CW_DISK_NOT_FOUND' });
    await parts.dirs[Symbol.asyncDispose]();
  }));

test('a folder is settled only where all that the copy gives it was seen', () =>
  inDestination(async (world, root) => {
    const { rules } = making(world, root, []);
    const all = SEEN.same | SEEN.sameMode | SEEN.sameOwner | SEEN.bare;
    const owned = folder('a', { userId: 5, groupId: 6 });
    assert.equal(isFolderSettled(owned, all, rules), true);
    for (const lacks of [SEEN.same, SEEN.sameMode, SEEN.sameOwner, SEEN.bare])
      assert.equal(isFolderSettled(owned, all & ~lacks, rules), false);
    const xattrs = [{ name: 'user.x', value: Uint8Array.of(1) }];
    assert.equal(isFolderSettled(folder('a', { userId: 5, groupId: 6, xattrs }), all, rules), false);
    const mapping = new Ownership({
      options: { idMappings: [{ kind: 'user', from: 5, to: 7 }] },
      processUserId: 0,
      fileSystem: 'ext4',
      possible: true,
      made: { userId: 0, groupId: 0 },
    });
    assert.equal(isFolderSettled(owned, all, new MetadataRules(mapping, true)), false);
  }));

test('access lists are seen among other attributes; where attributes are refused there are none', async () => {
  const store = (list: () => Promise<string[]>): XattrStore => ({
    list,
    get: async () => null,
    set: async () => undefined,
    remove: async () => true,
  });
  assert.equal(await hasNoLists(null), true);
  assert.equal(await hasNoLists(store(async () => ['user.a', 'security.selinux'])), true);
  assert.equal(await hasNoLists(store(async () => ['user.a', 'system.posix_acl_default'])), false);
  const failing = (code: 'CW_UNSUPPORTED' | 'CW_DISK_IO') =>
    store(() => Promise.reject(new CausewayError(code, 'no')));
  assert.equal(await hasNoLists(failing('CW_UNSUPPORTED')), true);
  await assert.rejects(hasNoLists(failing('CW_DISK_IO')), { code: 'CW_DISK_IO' });
});

test('a job opens folders of any depth with few open at a time, and closes all of them', () =>
  inDestination(async (world, root) => {
    const depth = 3 * LIMITS.jobFoldersMax.value;
    const paths = Array.from({ length: depth }, (_, at) => 'd/'.repeat(at + 1).slice(0, -1));
    const problems: Problem[] = [];
    await makeFolders(
      paths.map((path) => folder(path)),
      making(world, root, problems),
      () => false,
    );
    assert.deepEqual(problems, []);
    let open = 0;
    let most = 0;
    const counted = (dir: Dir): Dir =>
      new Proxy(dir, {
        get: (target, key) => {
          if (key === 'openDir')
            return async (name: Parameters<Dir['openDir']>[0]) => {
              const next = await target.openDir(name);
              open += 1;
              most = Math.max(most, open);
              return counted(next);
            };
          if (key === 'close')
            return async () => {
              open -= 1;
              await target.close();
            };
          const value = Reflect.get(target, key) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    const folders = new JobFolders(counted(root));
    await folders.at(paths.at(-1)! as RelPath);
    await folders.at('d' as RelPath);
    await folders.at('d/d/d' as RelPath);
    await assert.rejects(folders.at('gone/below' as RelPath), { code: 'CW_DISK_NOT_FOUND' });
    assert.ok(most <= LIMITS.jobFoldersMax.value + 1, `${most} were open`);
    await folders[Symbol.asyncDispose]();
    assert.equal(open, 0);
  }));
