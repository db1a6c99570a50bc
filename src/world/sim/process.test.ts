import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, parseName } from '../../base/path.ts';
import type { World } from '../world.ts';
import { NO_DISK_FAULTS, NO_FAULTS, NO_PROCESS_FAULTS } from './faults.ts';
import { Sim } from './sim.ts';

const SEED = Number(process.env.SEED ?? 1);
const n = (text: string): Name => parseName(text);
const OLD = Buffer.alloc(9_000, 'o');
const NEW = Buffer.alloc(9_000, 'n');

/** Replaces /d/f safely; `step` is called after every await. */
async function replace(world: World, step: () => void): Promise<void> {
  const dir = await world.disk.openRoot('/d');
  step();
  const file = await dir.openFile(n('t'), 'append');
  step();
  for (let at = 0; at < NEW.byteLength; at += 3_000) {
    await file.write(NEW.subarray(at, at + 3_000), at);
    step();
  }
  await file.datasync();
  step();
  await file.close();
  step();
  await dir.rename(n('t'), dir, n('f'));
  step();
  await dir.sync();
  step();
  await dir.close();
  step();
  await world.clock.sleep(5);
  step();
}

describe('killing a process', () => {
  for (const how of ['kill', 'power'] as const) {
    it(`at any operation (${how}) leaves the old or the new content, and nothing runs on`, async () => {
      const seen = new Set<string>();
      let operation = 1;
      for (let finished = false; !finished; operation += 1) {
        assert.ok(operation < 100, 'the work ends after a number of operations');
        for (let seed = SEED; seed < SEED + 12; seed += 1) {
          const sim = new Sim(seed, {
            ...NO_FAULTS,
            disk: { ...NO_DISK_FAULTS, latencyRate: 0.3, latencyMaxMs: 3 },
          });
          const machine = sim.machine('m');
          machine.disk.writeTree('/d', { f: OLD });
          let steps = 0;
          const victim = machine.spawn('victim', (world) =>
            replace(world, () => {
              assert.ok(victim.running, 'no code runs after the death of its process');
              steps += 1;
            }),
          );
          sim.killAtOperation(victim, operation, how);
          const report = await sim.runUntil(() => false);
          assert.equal(report.outcome, 'idle');
          if (victim.state === 'exited') finished = true;
          else assert.equal(steps, operation - 1, 'the fatal operation never settles');
          const bytes = machine.disk.readFile('/d/f') ?? new Uint8Array(0);
          assert.ok(OLD.equals(bytes) || NEW.equals(bytes), `operation ${operation}, SEED=${seed}`);
          seen.add(OLD.equals(bytes) ? 'old' : 'new');
          assert.deepEqual(victim.held, []);
          assert.deepEqual(victim.leaks, []);
        }
      }
      assert.ok(operation > 10);
      assert.deepEqual([...seen].sort(), ['new', 'old']);
    });
  }

  it('keeps the page cache, where a power cut does not', async () => {
    for (const [how, expected] of [
      ['kill', NEW],
      ['power', OLD],
    ] as const) {
      const kept = new Set<boolean>();
      for (let seed = SEED; seed < SEED + 30; seed += 1) {
        const sim = new Sim(seed);
        const machine = sim.machine('m');
        machine.disk.writeTree('/d', { f: OLD });
        const victim = machine.spawn('victim', async (world) => {
          const dir = await world.disk.openRoot('/d');
          const file = await dir.openFile(n('f'), 'write');
          await file.write(NEW, 0);
          await world.clock.sleep(1_000);
          assert.fail('the process is dead by now');
        });
        sim.after(500, () => (how === 'kill' ? victim.kill() : machine.powerCut()));
        await sim.runUntil(() => false);
        assert.equal(victim.state, 'killed');
        kept.add(expected.equals(machine.disk.readFile('/d/f') ?? OLD.subarray(0, 1)));
      }
      assert.ok(kept.has(true));
      assert.equal(kept.has(false), how === 'power');
    }
  });

  it('settles nothing that it waited for', async () => {
    for (let seed = SEED; seed < SEED + 10; seed += 1) {
      const sim = new Sim(seed);
      const machine = sim.machine('m');
      machine.disk.writeTree('/d', { f: OLD });
      machine.disk.freeze('sync');
      sim.net.route('m', 'far').halfDead();
      sim.machine('far');
      const settled: string[] = [];
      const victim = machine.spawn('victim', async (world) => {
        const watch = (what: string, promise: Promise<unknown>): void => {
          void promise.catch(() => undefined).then(() => settled.push(what));
        };
        const dir = await world.disk.openRoot('/d');
        const listener = await world.net.listen({ kind: 'tcp', host: '127.0.0.1', port: 80 });
        const near = await world.net.dial(listener.endpoint, { timeoutMs: 100 });
        await listener.accept();
        watch('read', near.read(new Uint8Array(1), 1));
        watch('write', near.write([new Uint8Array(1_000_000)]));
        watch('accept', listener.accept());
        watch('dial', world.net.dial({ kind: 'tcp', host: 'far', port: 1 }, { timeoutMs: 1_000 }));
        watch('sleep', world.clock.sleep(1_000));
        watch('sync', dir.sync());
        await world.clock.sleep(10_000);
      });
      sim.after(100, () => victim.kill());
      sim.after(5_000, () => sim.faults.stop());
      await sim.advance(60_000);
      assert.equal(victim.state, 'killed');
      assert.deepEqual(settled, []);
    }
  });

  it('stops synchronous effects too: nothing reaches the world from a dead process', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', {});
    let late: (() => Promise<unknown>) | null = null;
    const victim = machine.spawn('victim', async (world) => {
      const dir = await world.disk.openRoot('/d');
      late = () => dir.makeDir(n('late'));
      await world.clock.sleep(1_000);
    });
    await sim.runUntil(() => late !== null);
    victim.kill();
    let settled = false;
    void (late as unknown as () => Promise<unknown>)().finally(() => {
      settled = true;
    });
    await sim.advance(5_000);
    assert.equal(settled, false);
    assert.deepEqual(machine.disk.listAll('/d'), []);
  });
});

describe('a process', () => {
  it('exits with its main, or fails with what that threw', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    const good = machine.spawn('good', (world) => world.clock.sleep(3));
    const bad = machine.spawn('bad', async () => {
      throw new Error('broken');
    });
    await sim.runUntil(() => !good.running && !bad.running);
    assert.equal(good.state, 'exited');
    assert.equal(bad.state, 'failed');
    assert.match(String(bad.failure), /broken/);
    await assert.rejects(
      sim.run(machine, async () => {
        throw new Error('again');
      }),
      /again/,
    );
  });

  it('leaks what it still holds at its end', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    machine.disk.writeTree('/d', { f: OLD });
    await sim.run(machine, async (world) => {
      const dir = await world.disk.openRoot('/d');
      await dir.openFile(n('f'), 'read');
      const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: 80 });
      await world.net.dial(listener.endpoint, { timeoutMs: 100 });
      void world.clock.sleep(1_000);
    });
    assert.deepEqual(sim.leaks().sort(), [
      'm/main: file f',
      'm/main: folder d',
      'm/main: listener tcp 0.0.0.0:80',
      'm/main: socket tcp 0.0.0.0:80',
      'm/main: socket tcp m:32769',
      'm/main: timer of 1000 ms',
    ]);
  });

  it('knows nothing of the time for which it was stopped', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    const ticks: number[] = [];
    const stopped = machine.spawn('stopped', async (world) => {
      for (let i = 0; i < 4; i += 1) {
        await world.clock.sleep(10);
        ticks.push(world.clock.monotonicMs());
      }
    });
    sim.after(25, () => stopped.pause());
    sim.after(500, () => stopped.resume());
    await sim.runUntil(() => !stopped.running);
    assert.ok((ticks[1] as number) < 25);
    assert.ok((ticks[2] as number) >= 500);
    assert.equal(ticks.length, 4);
  });

  it('that never waits for time ends at the limit of events', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    const spinning = machine.spawn('spinning', async (world) => {
      for (;;) await world.disk.statPath('/');
    });
    const report = await sim.runUntil(() => !spinning.running, { maxEvents: 500 });
    assert.equal(report.outcome, 'events');
    assert.ok(report.tail.at(-1)?.includes('stat-path'));
  });

  it('that waits for ever is found idle', async () => {
    const sim = new Sim(SEED);
    const waiting = sim.machine('m').spawn('waiting', async (world) => {
      const listener = await world.net.listen({ kind: 'unix', path: '/run/s' });
      await listener.accept();
    });
    assert.equal((await sim.runUntil(() => !waiting.running)).outcome, 'idle');
  });
});

describe('a supervisor', () => {
  it('starts a killed process again with other chance, until faults stop', async () => {
    const plan = {
      ...NO_FAULTS,
      process: { ...NO_PROCESS_FAULTS, killMeanOperations: 20, powerCutShare: 0.5 },
    };
    const sim = new Sim(SEED, plan);
    const machine = sim.machine('m');
    const draws: number[] = [];
    const supervisor = machine.supervise('daemon', async (world) => {
      draws.push(world.random.u32());
      for (let i = 0; i < 1_000; i += 1) await world.clock.sleep(10);
    });
    await sim.runUntil(() => supervisor.deaths >= 5);
    sim.faults.stop();
    const deaths = supervisor.deaths;
    await sim.runUntil(() => supervisor.process.state === 'exited');
    assert.equal(supervisor.deaths, deaths);
    assert.equal(new Set(draws).size, draws.length);
    assert.equal(draws.length, deaths + 1);
  });

  it('stops and continues its process as the plan says, and continues it when faults stop', async () => {
    const plan = { ...NO_FAULTS, process: { ...NO_PROCESS_FAULTS, pauseEveryMs: 200, pauseMaxMs: 1e9 } };
    const sim = new Sim(SEED, plan);
    let ticks = 0;
    const supervisor = sim.machine('m').supervise('daemon', async (world) => {
      for (;;) {
        await world.clock.sleep(10);
        ticks += 1;
      }
    });
    await sim.runUntil(() => supervisor.process.paused);
    const before = ticks;
    await sim.advance(1_000);
    assert.equal(ticks, before);
    sim.faults.stop();
    await sim.advance(1_000);
    assert.ok(ticks > before + 50);
  });
});

describe('the clock of a machine', () => {
  it('jumps on the wall and never goes back otherwise', async () => {
    const sim = new Sim(SEED);
    const machine = sim.machine('m');
    await sim.run(machine, async ({ clock }) => {
      const wallMs = clock.wallMs();
      const monotonicMs = clock.monotonicMs();
      machine.clock.jump(-3_600_000);
      assert.equal(clock.wallMs(), wallMs - 3_600_000);
      assert.equal(clock.monotonicMs(), monotonicMs);
    });
  });
});
