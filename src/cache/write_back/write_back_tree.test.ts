import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCausewayError, CausewayError, type ErrorCode } from '../../base/errors.ts';
import { parseRelPath, type RelPath } from '../../base/path.ts';
import type { FileTree, TreeFile } from '../../tree/files/file_tree.ts';
import { MemoryTree } from '../../tree/files/memory_tree.ts';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { WriteBackTree } from './write_back_tree.ts';

const at = (path: string): RelPath => parseRelPath(path);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

/** A far tree that others change too, that notes what is done to it, and fails where it is told to. */
class Far {
  readonly plain: MemoryTree;
  readonly log: string[] = [];
  readonly failing = new Map<string, ErrorCode>();
  /** 1: the first write to each file is made before it fails. */
  spared: 0 | 1 = 0;
  keepsTimes = false;
  /** How many files are open, and what each `publish` does first. */
  open = 0;
  publishing: () => Promise<void> = async () => undefined;
  readonly tree: FileTree;

  constructor(world: World) {
    this.plain = new MemoryTree(world.clock);
    const { plain } = this;
    const note = (what: string, ...paths: string[]) => {
      this.log.push([what, ...paths].join(' '));
      for (const path of paths) {
        const code = this.failing.get(path);
        if (code !== undefined) throw new CausewayError(code, `${what} ${path}`);
      }
    };
    const written = new Set<string>();
    const fileOf = (path: string, plainFile: TreeFile): TreeFile => {
      let isOpen = true;
      this.open += 1;
      const usable = (): TreeFile => {
        if (!isOpen) throw new CausewayError('CW_INTERNAL', `${path} was closed before`);
        return plainFile;
      };
      const close = async () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
        await plainFile.close();
      };
      return { ...callsOf(path, usable), close, [Symbol.asyncDispose]: close };
    };
    const callsOf = (path: string, file: () => TreeFile) => ({
      read: (into: Uint8Array, offset: number) => file().read(into, offset),
      write: async (data: Uint8Array, offset: number) => {
        if (this.spared === 0 || written.has(path)) note(`write ${data.byteLength}`, path);
        written.add(path);
        await file().write(data, offset);
      },
      truncate: async (sizeBytes: number) => file().truncate(sizeBytes),
      publish: async () => {
        await this.publishing();
        return file().publish();
      },
      node: async () => file().node(),
    });
    this.tree = {
      caps: plain.caps,
      lookup: (path) => plain.lookup(path),
      list: (path) => plain.list(path),
      open: async (path, mode) => {
        if (mode !== 'read' && this.spared === 0) note(mode, path);
        return fileOf(path, await plain.open(path, mode));
      },
      create: async (path, what) => {
        note(`make ${what.kind}`, path);
        return plain.create(path, what);
      },
      setAttrs: async (path, patch) => {
        if (this.keepsTimes && patch.mtimeNs !== undefined)
          throw new CausewayError('CW_DISK_PERMISSION', 'only the owner sets times');
        return plain.setAttrs(path, patch);
      },
      rename: async (from, to, options) => {
        note('rename', from, to);
        await plain.rename(from, to, options);
      },
      remove: async (path) => {
        note('remove', path);
        await plain.remove(path);
      },
    };
  }
}

interface Stage {
  readonly world: World;
  readonly far: Far;
  readonly tree: WriteBackTree;
}

interface More {
  readonly dirtyMaxBytes?: number;
  readonly ageMs?: number;
  readonly syncErrorRate?: number;
}

function onStage(work: (stage: Stage) => Promise<void>, more: More = {}): Promise<void> {
  const { syncErrorRate = 0, ...settingsMore } = more;
  const sim = new Sim(1, { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, syncErrorRate } });
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
  return sim.run(machine, async (world) => {
    const far = new Far(world);
    const place = {
      folder: '/d',
      name: 'j',
      key: new Uint8Array(32),
      segmentBytes: 2 ** 16,
      reserveBytes: 0,
    };
    const { clock, random, disk } = world;
    const ports = { clock, random, disk, crypto: createSimCryptography() };
    const settings = {
      place,
      owner: { userId: 0, groupId: 0 },
      dirtyMaxBytes: 2 ** 22,
      ageMs: HOUR_MS,
      ...settingsMore,
    };
    await using tree = await WriteBackTree.open(ports, far.tree, settings);
    await work({ world, far, tree });
  });
}

async function put(tree: FileTree, path: string, text: string): Promise<void> {
  await using file = await tree.open(at(path), 'replace');
  await file.write(bytes(text), 0);
  await file.publish();
}

async function make(tree: FileTree, path: string, text: string): Promise<void> {
  await using file = await tree.open(at(path), 'create');
  await file.write(bytes(text), 0);
}

async function textOf(tree: FileTree, path: string): Promise<string> {
  await using file = await tree.open(at(path), 'read');
  const into = new Uint8Array(10_000);
  return Buffer.from(into.subarray(0, await file.read(into, 0))).toString();
}

async function namesOf(tree: FileTree): Promise<string[]> {
  const names: string[] = [];
  for await (const page of tree.list(at(''))) names.push(...page.map(({ name }) => name));
  return names.sort();
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (failure) => asCausewayError(failure).code,
  );

describe('what a write-back cache sends on', () => {
  it('is nothing of what is gone again, and each byte once', () =>
    onStage(async ({ far, tree }) => {
      await make(tree, 'gone', 'x');
      await tree.remove(at('gone'));
      await make(tree, 'draft', 'text');
      await tree.rename(at('draft'), at('final'), { replace: false });
      const file = await tree.open(at('final'), 'write');
      for (let i = 0; i < 100; i += 1) await file.write(bytes(`${i % 10}`.repeat(50)), 0);
      await file.close();
      await tree.create(at('empty'), { kind: 'directory' });
      await tree.remove(at('empty'));
      assert.deepEqual(far.log, []);
      await tree.flush(NEVER);
      assert.deepEqual(far.log, ['replace final', 'write 50 final']);
      assert.deepEqual(await namesOf(far.plain), ['final']);
      assert.equal(tree.status.changes, 0);
    }));

  it('keeps identity and times of what was made here', () =>
    onStage(async ({ tree, world }) => {
      await make(tree, 'a', 'x');
      const before = await tree.lookup(at('a'));
      await world.clock.sleep(5_000);
      await tree.flush(NEVER);
      const after = await tree.lookup(at('a'));
      assert.deepEqual([after.id, after.mtimeNs], [before.id, before.mtimeNs]);
      await tree.rename(at('a'), at('b'), { replace: false });
      await tree.flush(NEVER);
      assert.equal((await tree.lookup(at('b'))).id, before.id);
    }));

  it('arrives by itself once it is old enough, or half of what may wait does', () =>
    onStage(
      async ({ far, tree, world }) => {
        await make(tree, 'old', 'x');
        await world.clock.sleep(4_000);
        assert.deepEqual(await namesOf(far.plain), []);
        assert.equal(tree.status.oldestDirtyAgeMs, 4_000);
        await world.clock.sleep(2_000);
        assert.deepEqual(await namesOf(far.plain), ['old']);
        for (let i = 0; i < 10; i += 1) await make(tree, `f${i}`, 'y'.repeat(1_000));
        await world.clock.sleep(10);
        const { dirtyBytes } = tree.status;
        assert.ok(dirtyBytes > 0 && dirtyBytes < 10_000, `${dirtyBytes}`);
        await tree.waitClean(NEVER);
        assert.deepEqual([tree.status.dirtyBytes, tree.status.timeToCleanMs], [0, 0]);
      },
      { dirtyMaxBytes: 16_000, ageMs: 5_000 },
    ));

  it('slows the writer where too much waits, and refuses where nothing is taken, losing nothing', () =>
    onStage(
      async ({ far, tree }) => {
        await make(tree, 'a', 'a'.repeat(900));
        await make(tree, 'b', 'b'.repeat(900));
        assert.equal(await textOf(tree, 'b'), 'b'.repeat(900));
        await tree.flush(NEVER);
        for (const path of ['a', 'b', 'c', 'd']) far.failing.set(path, 'CW_DISK_FULL');
        const file = await tree.open(at('c'), 'create');
        await file.write(new Uint8Array(900), 0);
        assert.equal(await codeOf(file.write(new Uint8Array(900), 900)), 'CW_DISK_FULL');
        far.failing.clear();
        await file.write(new Uint8Array(900), 900);
        await codeOf(file.close()); // it is told of the failure that is over
        await tree.waitClean(NEVER);
        assert.equal((await far.plain.lookup(at('c'))).sizeBytes, 1_800);
      },
      { dirtyMaxBytes: 1_000 },
    ));

  it('waits where one file fails, goes on with the others, and tells who has it open', () =>
    onStage(async ({ far, tree }) => {
      far.failing.set('bad', 'CW_DISK_PERMISSION');
      const bad = await tree.open(at('bad'), 'create');
      await bad.write(bytes('kept'), 0);
      await make(tree, 'good', 'x');
      assert.equal(await codeOf(tree.flush(NEVER)), 'CW_DISK_PERMISSION');
      assert.deepEqual(await namesOf(far.plain), ['good']);
      const [failure] = tree.status.failures;
      assert.deepEqual([failure?.path, failure?.reason.code], ['bad', 'CW_DISK_PERMISSION']);
      assert.equal(await codeOf(bad.publish()), 'CW_DISK_PERMISSION');
      assert.equal(await codeOf(bad.publish()), 'done');
      assert.equal(await textOf(tree, 'bad'), 'kept');
      far.failing.clear();
      await tree.flush(NEVER);
      assert.deepEqual(tree.status.failures, []);
      assert.equal(await textOf(far.plain, 'bad'), 'kept');
      await codeOf(bad.close());
    }));

  it('goes on with a file that its last user closes meanwhile', () =>
    onStage(async ({ far, tree }) => {
      await put(far.plain, 'a', 'before');
      const file = await tree.open(at('a'), 'write');
      await file.write(bytes('after'), 0);
      far.publishing = () => file.close();
      await tree.flush(NEVER);
      assert.equal(await textOf(far.plain, 'a'), 'aftere');
      assert.deepEqual([tree.status.failures, tree.status.conflicts, far.open], [[], [], 0]);
    }));
});

describe('a write-back cache beside others who change the same', () => {
  it('keeps what was written here under a name beside theirs, and says so', () =>
    onStage(async ({ far, tree, world }) => {
      await put(far.plain, 'a.txt', 'base');
      const file = await tree.open(at('a.txt'), 'write');
      await file.write(bytes('mi'), 0);
      await world.clock.sleep(10);
      await put(far.plain, 'a.txt', 'their own');
      await put(far.plain, 'new', 'theirs');
      await make(tree, 'fine', 'x');
      await codeOf(put(tree, 'new', 'mine'));
      await tree.flush(NEVER);
      assert.equal(await codeOf(file.publish()), 'CW_CACHE_CONFLICT');
      assert.equal(await textOf(far.plain, 'a.txt'), 'their own');
      assert.equal(await textOf(far.plain, 'a.conflict-1.txt'), 'miei');
      assert.equal(await textOf(tree, 'a.txt'), 'their own');
      const [conflict] = tree.status.conflicts;
      assert.deepEqual([conflict?.path, conflict?.keptAs], ['a.txt', 'a.conflict-1.txt']);
      await file.write(bytes('more'), 0);
      await codeOf(file.close());
      await tree.flush(NEVER);
      assert.equal(await textOf(far.plain, 'a.conflict-1.txt'), 'more');
    }));

  it('tells what it wrote itself in an attempt that failed from what they wrote since', () =>
    onStage(async ({ far, tree, world }) => {
      for (const path of ['ours', 'theirs']) await put(far.plain, path, 'x'.repeat(2_000));
      for (const path of ['ours', 'theirs']) {
        await using file = await tree.open(at(path), 'write');
        await file.write(bytes('one'), 0);
        await file.write(bytes('two'), 1_000);
        far.failing.set(path, 'CW_DISK_IO');
      }
      far.spared = 1; // the first piece of each arrives
      assert.equal(await codeOf(tree.flush(NEVER)), 'CW_DISK_IO');
      far.failing.clear();
      await using other = await far.plain.open(at('theirs'), 'write');
      await other.write(bytes('more'), 10);
      await world.clock.sleep(10);
      await tree.flush(NEVER);
      assert.deepEqual(await namesOf(far.plain), ['ours', 'theirs', 'theirs.conflict-1']);
      assert.equal((await textOf(far.plain, 'ours')).slice(998, 1_004), 'xxtwox');
      assert.equal((await textOf(far.plain, 'theirs')).slice(8, 15), 'xxmorex');
      assert.equal(tree.status.conflicts.length, 1);
    }));

  it('neither replaces nor removes what they changed', () =>
    onStage(async ({ far, tree, world }) => {
      for (const path of ['over', 'gone', 'moved']) await put(far.plain, path, 'base');
      await tree.remove(at('gone'));
      await tree.rename(at('moved'), at('over'), { replace: true });
      await make(tree, 'made', 'mine');
      await world.clock.sleep(10);
      for (const path of ['over', 'gone', 'made']) await put(far.plain, path, 'theirs');
      await tree.flush(NEVER);
      for (const path of ['over', 'gone', 'made']) assert.equal(await textOf(far.plain, path), 'theirs');
      assert.equal(await textOf(far.plain, 'over.conflict-1'), 'base');
      assert.equal(await textOf(far.plain, 'made.conflict-1'), 'mine');
      assert.deepEqual(await namesOf(tree), ['gone', 'made', 'made.conflict-1', 'over', 'over.conflict-1']);
      assert.equal(tree.status.conflicts.length, 3);
    }));
});

describe('a write-back cache', () => {
  it('reads a file that has no name any more, or is another one now, for who has it open', () =>
    onStage(async ({ far, tree }) => {
      await put(far.plain, 'a', 'there');
      const [there, here] = [await tree.open(at('a'), 'write'), await tree.open(at('b'), 'create')];
      await here.write(bytes('here'), 0);
      await there.write(bytes('T'), 0);
      await tree.rename(at('b'), at('a'), { replace: true });
      await tree.remove(at('a'));
      await tree.flush(NEVER);
      const read = async (file: TreeFile) => {
        const into = new Uint8Array(20);
        return Buffer.from(into.subarray(0, await file.read(into, 0))).toString();
      };
      assert.deepEqual([await read(there), await read(here)], ['There', 'here']);
      await here.write(bytes('!'), 4);
      assert.equal(await read(here), 'here!');
      await here.close();
      await there.close();
      assert.deepEqual([await namesOf(far.plain), await namesOf(tree)], [[], []]);
      assert.equal(tree.status.dirtyBytes, 0);
    }));

  it('renames a folder over there at once, after what waits in it', () =>
    onStage(async ({ far, tree }) => {
      await tree.create(at('d'), { kind: 'directory' });
      await make(tree, 'd/f', 'x');
      await make(tree, 'other', 'y');
      await tree.rename(at('d'), at('e'), { replace: false });
      assert.equal(await textOf(far.plain, 'e/f'), 'x');
      assert.equal(await textOf(tree, 'e/f'), 'x');
      const file = await tree.open(at('e/f'), 'write');
      await tree.rename(at('e'), at('g'), { replace: false });
      await file.write(bytes('z'), 0);
      await file.close();
      await tree.flush(NEVER);
      assert.equal(await textOf(far.plain, 'g/f'), 'z');
    }));

  it('refuses to rename a folder while what waits in it cannot be sent on, and does it later', () =>
    onStage(async ({ far, tree }) => {
      await tree.create(at('d'), { kind: 'directory' });
      await make(tree, 'd/f', 'x');
      far.failing.set('d/f', 'CW_LINK_DEAD');
      assert.equal(await codeOf(tree.rename(at('d'), at('e'), { replace: false })), 'CW_DISK_BUSY');
      assert.equal(await textOf(tree, 'd/f'), 'x');
      far.failing.clear();
      await tree.rename(at('d'), at('e'), { replace: false });
      assert.equal(await textOf(far.plain, 'e/f'), 'x');
    }));

  it('sends on what it may write, though it may not set its time', () =>
    onStage(async ({ far, tree }) => {
      far.keepsTimes = true;
      await make(tree, 'a', 'x');
      await tree.flush(NEVER);
      assert.equal(await textOf(far.plain, 'a'), 'x');
      assert.deepEqual([tree.status.changes, tree.status.failures], [0, []]);
    }));

  it('refuses what it cannot make stable, and goes on after what waited was sent on', () =>
    onStage(
      async ({ far, tree, world }) => {
        let refused = 0;
        for (let i = 0; i < 40; i += 1) {
          if ((await codeOf(make(tree, `f${i}`, 'x'))) !== 'done') refused += 1;
          await world.clock.sleep(1_000);
        }
        assert.ok(refused > 0 && refused < 30, `${refused}`);
        await tree.waitClean(NEVER);
        assert.deepEqual(await namesOf(far.plain), await namesOf(tree));
      },
      { syncErrorRate: 0.1 },
    ));

  it('ends a wait for what cannot be sent on when it is told to', () =>
    onStage(async ({ far, tree, world }) => {
      far.failing.set('a', 'CW_LINK_DEAD');
      await make(tree, 'a', 'x');
      const stop = new AbortController();
      const waiting = codeOf(tree.waitClean(stop.signal));
      await world.clock.sleep(300_000);
      stop.abort();
      assert.equal(await waiting, 'CW_CANCELLED');
      far.failing.clear();
      await tree.flush(NEVER);
      assert.equal(await textOf(far.plain, 'a'), 'x');
    }));
});
