import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { Dir } from '../disk.ts';
import type { World } from '../world.ts';
import { TreeLink, TreeOther } from './disk/machine-disk.ts';
import { type DiskFaults, type FaultPlan, NO_DISK_FAULTS, NO_FAULTS } from './faults.ts';
import type { SimMachine } from './machine.ts';
import { Sim } from './sim.ts';

const SEED = Number(process.env.SEED ?? 1);
const n = (text: string): Name => parseName(text);
const BYTES = Buffer.alloc(10_000, 'x');

const withDisk = (disk: Partial<DiskFaults>): FaultPlan => ({
  ...NO_FAULTS,
  disk: { ...NO_DISK_FAULTS, ...disk },
});

interface Bench {
  readonly sim: Sim;
  readonly machine: SimMachine;
  readonly world: World;
  readonly dir: Dir;
}

/** Runs `body` on a machine with /d/f of 10,000 bytes. */
async function on(plan: FaultPlan, body: (bench: Bench) => Promise<void>, userId = 1000): Promise<void> {
  const sim = new Sim(SEED, plan);
  const machine = sim.machine('m', { capacityBytes: 1024 ** 2, userId });
  machine.disk.writeTree('/d', { f: BYTES, link: new TreeLink('f'), pipe: new TreeOther() });
  await sim.run(machine, async (world) => {
    const dir = await world.disk.openRoot('/d');
    await body({ sim, machine, world, dir });
  });
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | null> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown === null) return null;
  assert.ok(thrown instanceof CausewayError);
  return thrown.code;
}

describe('disk faults', () => {
  it('fails reads, writes, flushes and changes of names, each by its own rate', async () => {
    const kinds: [Partial<DiskFaults>, (bench: Bench) => Promise<unknown>][] = [
      [
        { readErrorRate: 1 },
        async ({ dir }) => (await dir.openFile(n('f'), 'read')).read(new Uint8Array(1), 0),
      ],
      [{ writeErrorRate: 1 }, async ({ dir }) => (await dir.openFile(n('f'), 'write')).write(BYTES, 0)],
      [{ syncErrorRate: 1 }, async ({ dir }) => (await dir.openFile(n('f'), 'write')).datasync()],
      [{ syncErrorRate: 1 }, ({ dir }) => dir.sync()],
      [{ syncErrorRate: 1 }, ({ dir }) => dir.syncFileSystem()],
    ];
    for (const [rates, attempt] of kinds) {
      await on(withDisk(rates), async (bench) => {
        assert.equal(await codeOf(attempt(bench)), 'CW_DISK_IO');
        bench.sim.faults.stop();
        assert.equal(await codeOf(attempt(bench)), null);
      });
    }
    const sim = new Sim(SEED, withDisk({ metadataErrorRate: 1 }));
    await sim.run(sim.machine('m'), async (world) => {
      assert.equal(await codeOf(world.disk.openRoot('/')), 'CW_DISK_IO');
    });
  });

  it('moves fewer bytes than asked', async () => {
    await on(withDisk({ shortReadRate: 1, shortWriteRate: 1 }), async ({ dir, machine }) => {
      const file = await dir.openFile(n('f'), 'write');
      const read = await file.read(new Uint8Array(10_000), 0);
      assert.ok(read >= 1 && read < 10_000);
      const written = await file.write(Buffer.alloc(10_000, 'y'), 0);
      assert.ok(written >= 1 && written < 10_000);
      const bytes = machine.disk.readFile('/d/f') as Uint8Array;
      assert.equal(bytes.indexOf(0x78), written);
    });
  });

  it('flips a bit of what is read, not of what is stored', async () => {
    await on(withDisk({ readFlipRate: 1 }), async ({ dir, machine }) => {
      const into = new Uint8Array(10_000);
      await (await dir.openFile(n('f'), 'read')).read(into, 0);
      assert.equal(into.filter((byte) => byte !== 0x78).length, 1);
      assert.ok(BYTES.equals(machine.disk.readFile('/d/f') as Uint8Array));
    });
  });

  it('stores a wrong bit, and leaves the array of the writer alone', async () => {
    await on(withDisk({ storedFlipRate: 1 }), async ({ dir, machine }) => {
      const from = Buffer.from(BYTES);
      await (await dir.openFile(n('f'), 'write')).write(from, 0);
      assert.ok(BYTES.equals(from));
      const stored = machine.disk.readFile('/d/f') as Uint8Array;
      assert.equal(stored.filter((byte) => byte !== 0x78).length, 1);
    });
  });

  it('flips a stored bit without a trace in the times', async () => {
    await on(NO_FAULTS, async ({ dir, machine }) => {
      const before = await dir.stat(n('f'));
      machine.disk.flipBit('/d/f', 5_000, 3);
      assert.deepEqual(await dir.stat(n('f')), before);
    });
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', { f: BYTES });
    machine.disk.flipBit('/d/f', 5_000, 3);
    machine.powerCut();
    assert.equal(machine.disk.readFile('/d/f')?.[5_000], 0x78 ^ 8);
  });

  it('runs out of space: a short write first, then CW_DISK_FULL, and frees what is removed', async () => {
    await on(NO_FAULTS, async ({ dir, machine }) => {
      const freeBytes = (await dir.space()).freeBytes;
      assert.equal(freeBytes, machine.disk.freeBytes());
      const file = await dir.openFile(n('big'), 'create');
      const written = await file.write(new Uint8Array(2 * 1024 ** 2), 0);
      assert.equal(written, freeBytes);
      assert.equal(await codeOf(file.write(BYTES, written)), 'CW_DISK_FULL');
      assert.equal(await codeOf(dir.openFile(n('more'), 'create')), 'CW_DISK_FULL');
      assert.equal(await codeOf(dir.makeDir(n('more'))), 'CW_DISK_FULL');
      assert.equal(await codeOf(file.write(BYTES, 0)), null);
      await file.close();
      await dir.removeFile(n('big'));
      assert.equal((await dir.space()).freeBytes, freeBytes);
      machine.disk.setFull(true);
      assert.equal(await codeOf(dir.openFile(n('more'), 'create')), 'CW_DISK_FULL');
    });
  });

  it('changes nothing on a read-only file system', async () => {
    await on(NO_FAULTS, async ({ dir, machine }) => {
      machine.disk.setReadOnly(true);
      const attempts = [
        () => dir.openFile(n('g'), 'create'),
        () => dir.openFile(n('f'), 'write'),
        () => dir.makeDir(n('g')),
        () => dir.makeSymlink(n('g'), 'f'),
        () => dir.removeFile(n('f')),
        () => dir.rename(n('f'), dir, n('g')),
        () => dir.setAttrs(n('f'), { mode: 0o600 }),
      ];
      for (const attempt of attempts) assert.equal(await codeOf(attempt()), 'CW_DISK_READ_ONLY');
      assert.equal((await dir.space()).readOnly, true);
      assert.equal(await codeOf(dir.openFile(n('f'), 'read')), null);
    });
  });

  it('checks permissions of a user that is not root', async () => {
    const attempt = async ({ dir, world }: Bench, expected: ErrorCode | null): Promise<void> => {
      await dir.setAttrs(n('f'), { mode: 0 });
      assert.equal(await codeOf(dir.openFile(n('f'), 'read')), expected);
      assert.equal(await codeOf(dir.openFile(n('f'), 'write')), expected);
      await dir.makeDir(n('closed'), 0);
      assert.equal(await codeOf(world.disk.openRoot('/d/closed')), expected);
      await dir.makeDir(n('fixed'), 0o500);
      const fixed = await dir.openDir(n('fixed'));
      assert.equal(await codeOf(fixed.makeDir(n('x'))), expected);
    };
    await on(NO_FAULTS, (bench) => attempt(bench, 'CW_DISK_PERMISSION'));
    await on(NO_FAULTS, (bench) => attempt(bench, null), 0);
  });

  it('opens no FIFO, and lists it', async () => {
    await on(NO_FAULTS, async ({ dir }) => {
      assert.equal(await codeOf(dir.openFile(n('pipe'), 'read')), 'CW_UNSUPPORTED');
      assert.equal((await dir.stat(n('pipe'))).kind, 'other');
    });
  });

  it('lists a name that is not valid UTF-8 without a name', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', { 'bad \udcff name': 'x' });
    await sim.run(machine, async (world) => {
      const dir = await world.disk.openRoot('/d');
      for await (const entry of dir.list()) {
        assert.deepEqual(entry, { name: null, rawName: 'bad \\xff name', kind: 'file' });
      }
      await dir.close();
    });
  });
});

describe('a frozen disk', () => {
  it('completes nothing of the kind until it is thawed, and the rest meanwhile', async () => {
    await on(NO_FAULTS, async ({ dir, machine, world }) => {
      const file = await dir.openFile(n('f'), 'write');
      for (const [kind, attempt] of [
        ['read', () => file.read(new Uint8Array(5), 0)],
        ['write', () => file.write(BYTES, 0)],
        ['sync', () => file.datasync()],
      ] as const) {
        machine.disk.freeze(kind);
        let done = false;
        const pending = attempt().then(() => {
          done = true;
        });
        await file.stat();
        await world.clock.sleep(60_000);
        assert.equal(done, false);
        machine.disk.thaw(kind);
        await pending;
      }
    });
  });

  it('thaws when faults stop', async () => {
    await on(NO_FAULTS, async ({ dir, machine, sim }) => {
      machine.disk.freeze('sync');
      sim.after(1_000, () => sim.faults.stop());
      await dir.sync();
      assert.ok(sim.nowMs >= 1_000);
    });
  });
});

describe('a watcher of the disk', () => {
  it('is told each name whose content changes', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', { f: 'old' });
    const seen: string[] = [];
    machine.disk.onVisibleChange((path) => seen.push(path));
    await sim.run(machine, async (world) => {
      const dir = await world.disk.openRoot('/d');
      const file = await dir.openFile(n('t'), 'create');
      await file.write(Buffer.from('new'), 0);
      await file.truncate(2);
      await file.datasync();
      await dir.rename(n('t'), dir, n('f'));
      await file.write(Buffer.from('x'), 0);
      await file.close();
      await dir.removeFile(n('f'));
      await dir.makeDir(n('sub'));
      await dir.close();
    });
    assert.deepEqual(seen, ['/d/t', '/d/t', '/d/t', '/d/t', '/d/f', '/d/f', '/d/f', '/d/sub']);
    machine.powerCut();
    assert.equal(seen.at(-1), '/');
  });

  it('sees old or new content under a name, never a mixture, and ends the run where it does not', async () => {
    for (const atomic of [true, false]) {
      const sim = new Sim(SEED);
      const machine = sim.machine('m');
      machine.disk.writeTree('/d', { f: 'old' });
      machine.disk.onVisibleChange((path) => {
        if (path !== '/d/f') return;
        const content = Buffer.from(machine.disk.readFile('/d/f') ?? []).toString();
        assert.ok(['old', 'new'].includes(content), `a reader saw ${content}`);
      });
      const run = sim.run(machine, async (world) => {
        const dir = await world.disk.openRoot('/d');
        const file = await dir.openFile(n(atomic ? 't' : 'f'), 'append');
        for (const [at, letter] of [...'new'].entries()) await file.write(Buffer.from(letter), at);
        await file.close();
        if (atomic) await dir.rename(n('t'), dir, n('f'));
        await dir.close();
      });
      if (atomic) await run;
      else await assert.rejects(run, /a reader saw nld/);
    }
  });
});
