import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes } from '../../base/bytes.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { Dir } from '../disk.ts';
import type { World } from '../world.ts';
import type { MachineDisk, TreeSpec } from './disk/machine-disk.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from './faults.ts';
import { Sim } from './sim.ts';

const FIRST_SEED = Number(process.env.SEED ?? 1);
const SEEDS = process.env.SEED === undefined ? 150 : 1;
const n = (text: string): Name => parseName(text);

const OLD = Buffer.alloc(20_000, 'o');
const NEW = Buffer.alloc(20_000, 'n');

interface Trial {
  readonly tree?: TreeSpec;
  readonly work: (dir: Dir, world: World) => Promise<void>;
  /** What is seen of the disk after the power cut. */
  readonly look: (disk: MachineDisk) => string;
  readonly plan?: typeof NO_FAULTS;
}

/** Lays down the tree, does the work, cuts the power, looks; once for each seed. Gives all that was seen. */
async function outcomes(trial: Trial): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const sim = new Sim(seed, trial.plan ?? NO_FAULTS);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', trial.tree ?? {});
    await sim.run(machine, async (world) => {
      const dir = await world.disk.openRoot('/d');
      await trial.work(dir, world);
      await dir.close();
    });
    machine.powerCut();
    const first = trial.look(machine.disk);
    seen.add(first);
    machine.powerCut();
    assert.equal(trial.look(machine.disk), first, `what a power cut left is stable (SEED=${seed})`);
  }
  return seen;
}

/** Fails unless exactly these were seen; with a single seed, at most these. */
function assertSeen(seen: ReadonlySet<string>, expected: readonly string[]): void {
  if (SEEDS === 1) for (const one of seen) assert.ok(expected.includes(one), one);
  else assert.deepEqual([...seen].sort(), [...expected].sort());
}

function whatIs(disk: MachineDisk, path: string): string {
  const bytes = disk.readFile(path);
  if (bytes === null) return 'absent';
  if (bytes.byteLength === 0) return 'empty';
  if (OLD.equals(bytes)) return 'old';
  if (NEW.equals(bytes)) return 'new';
  return bytes.byteLength === NEW.byteLength ? 'torn' : 'other size';
}

/** Compares without a difference of 20,000 lines. */
function assertBytes(actual: Uint8Array | null, expected: Uint8Array): void {
  assert.ok(actual !== null && equalBytes(actual, expected));
}

const look = (disk: MachineDisk): string => whatIs(disk, '/d/f');
const both = (disk: MachineDisk): string => `${whatIs(disk, '/d/t')} ${whatIs(disk, '/d/f')}`;
const names = (disk: MachineDisk): string =>
  disk
    .listAll('/d')
    .map((entry) => entry.path.slice(3))
    .join(' ');

async function write(
  dir: Dir,
  name: string,
  options: { sync: boolean; mode?: 'create' | 'write' },
): Promise<void> {
  const file = await dir.openFile(n(name), options.mode ?? 'create');
  for (let at = 0; at < NEW.byteLength; at += 5_000) await file.write(NEW.subarray(at, at + 5_000), at);
  if (options.sync) await file.datasync();
  await file.close();
}

describe('power cut: content', () => {
  it('keeps a flushed file whose name is flushed', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await write(dir, 'f', { sync: true });
      await dir.sync();
    };
    assertSeen(await outcomes({ work, look }), ['new']);
  });

  it('keeps, loses or tears a file that was not flushed', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await write(dir, 'f', { sync: false });
      await dir.sync();
    };
    assertSeen(await outcomes({ work, look }), ['new', 'empty', 'torn', 'other size']);
  });

  it('shows old and new sectors of a file that was overwritten and not flushed, and nothing else', async () => {
    const sectors = (disk: MachineDisk): string => {
      const bytes = disk.readFile('/d/f') ?? new Uint8Array(0);
      assert.equal(bytes.byteLength, OLD.byteLength);
      for (let at = 0; at < bytes.byteLength; at += 1) {
        assert.ok(bytes[at] === OLD[0] || bytes[at] === NEW[0]);
        if (at % 512 !== 0 && at % 5_000 !== 0) assert.equal(bytes[at], bytes[at - 1]);
      }
      return whatIs(disk, '/d/f');
    };
    const work = (dir: Dir) => write(dir, 'f', { sync: false, mode: 'write' });
    assertSeen(await outcomes({ tree: { f: OLD }, work, look: sectors }), ['old', 'new', 'torn']);
  });

  it('keeps an overwritten file once it is flushed', async () => {
    const work = (dir: Dir) => write(dir, 'f', { sync: true, mode: 'write' });
    assertSeen(await outcomes({ tree: { f: OLD }, work, look }), ['new']);
  });

  it('undoes a truncation that was not flushed, in whole or not at all', async () => {
    const work = async (dir: Dir): Promise<void> => {
      const file = await dir.openFile(n('f'), 'write');
      await file.truncate(0);
      await file.close();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look }), ['old', 'empty']);
  });

  it('keeps a flushed truncation', async () => {
    const work = async (dir: Dir): Promise<void> => {
      const file = await dir.openFile(n('f'), 'write');
      await file.truncate(0);
      await file.datasync();
      await file.close();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look }), ['empty']);
  });

  it('loses what a failed flush covered, although a later flush succeeded', async () => {
    const plan = { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, syncErrorRate: 0.5 } };
    let retried = 0;
    const work = async (dir: Dir): Promise<void> => {
      const file = await dir.openFile(n('f'), 'write');
      await file.write(NEW, 0);
      for (let flushed = false; !flushed; ) {
        flushed = await file.datasync().then(
          () => true,
          () => false,
        );
        if (!flushed) retried += 1;
      }
      await file.close();
    };
    const seen = await outcomes({ tree: { f: OLD }, work, look, plan });
    if (SEEDS > 1) {
      assert.ok(retried > 0 && seen.has('old'));
      assert.ok(seen.has('new'), 'a first flush that succeeds is one');
    }
  });

  it('keeps what is rewritten and flushed after a failed flush', async () => {
    const work = async (dir: Dir, world: World): Promise<void> => {
      const file = await dir.openFile(n('f'), 'write');
      for (;;) {
        await file.write(NEW, 0);
        const failed = await file.datasync().then(
          () => false,
          () => true,
        );
        if (!failed) break;
        await world.clock.sleep(1);
      }
      await file.close();
    };
    const plan = { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, syncErrorRate: 0.5 } };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look, plan }), ['new']);
  });
});

describe('power cut: names', () => {
  it('may lose the name of a flushed file, but no byte of it', async () => {
    const work = (dir: Dir) => write(dir, 'f', { sync: true });
    assertSeen(await outcomes({ work, look }), ['new', 'absent']);
  });

  it('shows the old or the new file after a rename that was not flushed', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await write(dir, 't', { sync: true });
      await dir.sync();
      await dir.rename(n('t'), dir, n('f'));
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look: both }), ['new old', 'absent new']);
  });

  it('keeps a flushed rename', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await write(dir, 't', { sync: true });
      await dir.rename(n('t'), dir, n('f'));
      await dir.sync();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look: both }), ['absent new']);
  });

  it('shows a torn file after a flushed rename of one that was not', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await write(dir, 't', { sync: false });
      await dir.rename(n('t'), dir, n('f'));
      await dir.sync();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look }), ['new', 'empty', 'torn', 'other size']);
  });

  it('may bring back a removed file until the folder is flushed', async () => {
    const remove = (dir: Dir) => dir.removeFile(n('f'));
    assertSeen(await outcomes({ tree: { f: OLD }, work: remove, look }), ['old', 'absent']);
    const work = async (dir: Dir): Promise<void> => {
      await dir.removeFile(n('f'));
      await dir.sync();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look }), ['absent']);
  });

  it('keeps the changes of a folder in their order', async () => {
    const work = async (dir: Dir): Promise<void> => {
      for (const name of ['a', 'b', 'c']) await dir.makeSymlink(n(name), 'x');
      await dir.removeFile(n('a'));
    };
    assertSeen(await outcomes({ work, look: names }), ['', 'a', 'a b', 'a b c', 'b c']);
  });

  it('moves a file between two folders as one', async () => {
    const tree = { from: { f: OLD }, to: {} };
    const move = async (dir: Dir, sync: 'from' | 'to' | null): Promise<void> => {
      const from = await dir.openDir(n('from'));
      const to = await dir.openDir(n('to'));
      await from.rename(n('f'), to, n('g'));
      if (sync !== null) await (sync === 'from' ? from : to).sync();
      await from.close();
      await to.close();
    };
    const seen = await outcomes({ tree, work: (dir) => move(dir, null), look: names });
    assertSeen(seen, ['from from/f to', 'from to to/g']);
    for (const sync of ['from', 'to'] as const) {
      assertSeen(await outcomes({ tree, work: (dir) => move(dir, sync), look: names }), ['from to to/g']);
    }
  });

  it('keeps the order of both folders when a file moves between them', async () => {
    const tree = { from: { f: OLD }, to: {} };
    const move = async (dir: Dir, sync: boolean): Promise<void> => {
      const from = await dir.openDir(n('from'));
      const to = await dir.openDir(n('to'));
      await to.makeSymlink(n('earlier'), 'x');
      await from.rename(n('f'), to, n('g'));
      await from.makeSymlink(n('later'), 'x');
      if (sync) await from.sync();
      await from.close();
      await to.close();
    };
    const seen = await outcomes({ tree, work: (dir) => move(dir, false), look: names });
    assertSeen(seen, [
      'from from/f to',
      'from from/f to to/earlier',
      'from to to/earlier to/g',
      'from from/later to to/earlier to/g',
    ]);
    const flushed = await outcomes({ tree, work: (dir) => move(dir, true), look: names });
    assertSeen(flushed, ['from from/later to to/earlier to/g']);
  });

  it('loses a folder that was not flushed with all that is in it', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await dir.makeDir(n('below'));
      const below = await dir.openDir(n('below'));
      await write(below, 'f', { sync: true });
      await below.sync();
      await below.close();
    };
    assertSeen(await outcomes({ work, look: names }), ['', 'below below/f']);
  });

  it('keeps all of a flushed file system', async () => {
    const work = async (dir: Dir): Promise<void> => {
      await dir.makeDir(n('below'));
      const below = await dir.openDir(n('below'));
      await write(below, 'f', { sync: false });
      await below.setAttrs(n('f'), { mode: 0o600, mtimeNs: 5n });
      assert.equal(await dir.syncFileSystem(), true);
      await below.close();
    };
    const all = (disk: MachineDisk): string => {
      const stat = disk.stat('/d/below/f');
      return `${whatIs(disk, '/d/below/f')} ${stat?.mode.toString(8)} ${stat?.mtimeNs}`;
    };
    assertSeen(await outcomes({ work, look: all }), ['new 600 5']);
  });
});

describe('power cut: attributes and views', () => {
  const mode = (disk: MachineDisk): string => disk.stat('/d/f')?.mode.toString(8) ?? 'absent';

  it('may lose mode and time until the file is flushed', async () => {
    const set = (dir: Dir) => dir.setAttrs(n('f'), { mode: 0o600 });
    assertSeen(await outcomes({ tree: { f: OLD }, work: set, look: mode }), ['600', '644']);
    const work = async (dir: Dir): Promise<void> => {
      const file = await dir.openFile(n('f'), 'write');
      await file.setAttrs({ mode: 0o600 });
      await file.datasync();
      await file.close();
    };
    assertSeen(await outcomes({ tree: { f: OLD }, work, look: mode }), ['600']);
  });

  it('shows beforehand what a cut that loses all would leave', async () => {
    const sim = new Sim(FIRST_SEED);
    const { disk } = sim.machine('m');
    disk.writeTree('/d', { f: OLD });
    await sim.run(sim.machine('m'), async (world) => {
      const dir = await world.disk.openRoot('/d');
      const file = await dir.openFile(n('f'), 'write');
      await file.write(NEW, 0);
      assertBytes(disk.readFile('/d/f'), NEW);
      assertBytes(disk.readStableFile('/d/f'), OLD);
      await file.truncate(10);
      assertBytes(disk.readStableFile('/d/f'), OLD);
      await file.datasync();
      assertBytes(disk.readStableFile('/d/f'), NEW.subarray(0, 10));
      await dir.rename(n('f'), dir, n('g'));
      assert.equal(disk.readStableFile('/d/g'), null);
      await dir.sync();
      assert.equal(disk.readStableFile('/d/g')?.byteLength, 10);
      assert.equal(disk.readStableFile('/d/f'), null);
      await file.close();
      await dir.close();
    });
  });

  it('counts the space again', async () => {
    const sim = new Sim(FIRST_SEED);
    const machine = sim.machine('m', { capacityBytes: 1024 ** 2 });
    machine.disk.writeTree('/d', { f: OLD });
    const freeBytes = machine.disk.freeBytes();
    for (let round = 0; round < 20; round += 1) {
      await sim.run(machine, async (world) => {
        const dir = await world.disk.openRoot('/d');
        await write(dir, 't', { sync: false });
        await dir.close();
      });
      machine.powerCut();
      machine.disk.removeTree('/d/t');
      assert.equal(machine.disk.freeBytes(), freeBytes);
    }
  });
});
