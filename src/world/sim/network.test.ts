import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCausewayError } from '../../base/errors.ts';
import type { Conn, TlsIdentity } from '../net.ts';
import type { World } from '../world.ts';
import { type FaultPlan, type NetFaults, NO_FAULTS, NO_NET_FAULTS } from './faults.ts';
import type { SimProcess } from './process.ts';
import { Sim } from './sim.ts';

const SEED = Number(process.env.SEED ?? 1);
const DIAL = { timeoutMs: 1_000 };
const PORT = 4433;

const withNet = (net: Partial<NetFaults>): FaultPlan => ({ ...NO_FAULTS, net: { ...NO_NET_FAULTS, ...net } });

/** What a promise came to: a count of bytes, `done`, or the code of its error. */
async function outcomeOf(promise: Promise<unknown>): Promise<number | string> {
  return promise.then(
    (value) => (typeof value === 'number' ? value : 'done'),
    (error: unknown) => asCausewayError(error).code,
  );
}

interface Bench {
  readonly sim: Sim;
  readonly server: SimProcess;
  readonly world: World;
  readonly near: Conn;
  readonly far: Conn;
}

/** A connection from `host` to `guest`; `body` runs on the host and may use the far end too. */
async function linked(plan: FaultPlan, body: (bench: Bench) => Promise<void>, seed = SEED): Promise<Sim> {
  const sim = new Sim(seed, plan);
  let far: Conn | null = null;
  const server = sim.machine('guest').spawn('agent', async (world) => {
    const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: PORT });
    far = await listener.accept();
    await listener.close();
    await world.clock.sleep(1e9);
  });
  await sim.run(sim.machine('host'), async (world) => {
    await world.clock.sleep(1);
    const near = await world.net.dial({ kind: 'tcp', host: 'guest', port: PORT }, DIAL);
    while (far === null) await world.clock.sleep(1);
    await body({ sim, server, world, near, far });
  });
  return sim;
}

describe('reaching another machine', () => {
  it('times out when packets vanish, and is refused where nothing listens', async () => {
    const sim = new Sim(SEED);
    sim.machine('guest');
    await sim.run(sim.machine('host'), async (world) => {
      const dial = (host: string) => world.net.dial({ kind: 'tcp', host, port: 1 }, DIAL);
      assert.equal(await outcomeOf(dial('guest')), 'CW_LINK_REFUSED');
      assert.equal(await outcomeOf(dial('nowhere')), 'CW_LINK_REFUSED');
      sim.net.route('host', 'guest').halfDead();
      const startMs = world.clock.monotonicMs();
      assert.equal(await outcomeOf(dial('guest')), 'CW_TIMEOUT');
      assert.ok(world.clock.monotonicMs() - startMs >= DIAL.timeoutMs);
      const control = new AbortController();
      const aborted = world.net.dial(
        { kind: 'tcp', host: 'guest', port: 1 },
        { ...DIAL, signal: control.signal },
      );
      control.abort();
      assert.equal(await outcomeOf(aborted), 'CW_CANCELLED');
    });
    assert.deepEqual(sim.leaks(), []);
  });

  it("does not reach a listener on the loopback address, nor another machine's Unix socket", async () => {
    const sim = new Sim(SEED);
    sim.machine('guest').spawn('agent', async (world) => {
      await world.net.listen({ kind: 'tcp', host: '127.0.0.1', port: PORT });
      await world.net.listen({ kind: 'unix', path: '/run/s' });
      await world.clock.sleep(1e9);
    });
    await sim.run(sim.machine('host'), async (world) => {
      await world.clock.sleep(1);
      const tcp = world.net.dial({ kind: 'tcp', host: 'guest', port: PORT }, DIAL);
      assert.equal(await outcomeOf(tcp), 'CW_LINK_REFUSED');
      const unix = world.net.dial({ kind: 'unix', path: '/run/s' }, DIAL);
      assert.equal(await outcomeOf(unix), 'CW_LINK_REFUSED');
    });
  });

  it('offers no exec and no stdio channel', async () => {
    const sim = new Sim(SEED);
    await sim.run(sim.machine('host'), async (world) => {
      for (const endpoint of [{ kind: 'exec', argv: ['ssh', 'x'] }, { kind: 'stdio' }] as const) {
        assert.equal(await outcomeOf(world.net.dial(endpoint, DIAL)), 'CW_UNSUPPORTED');
      }
    });
  });
});

describe('a connection in trouble', () => {
  it('is cut: both ends get CW_LINK_CLOSED, bytes on the way are lost', async () => {
    await linked(withNet({ latencyRate: 1, latencyMaxMs: 50 }), async ({ sim, near, far }) => {
      const reading = outcomeOf(far.read(new Uint8Array(10), 10));
      await near.write([new Uint8Array(5)]);
      sim.net.route('host', 'guest').cut();
      assert.equal(await reading, 'CW_LINK_CLOSED');
      assert.equal(await outcomeOf(near.read(new Uint8Array(1), 1)), 'CW_LINK_CLOSED');
      assert.equal(await outcomeOf(near.write([new Uint8Array(1)])), 'CW_LINK_CLOSED');
    });
  });

  it('stalls: bytes wait and then come in order', async () => {
    await linked(NO_FAULTS, async ({ sim, world, near, far }) => {
      const route = sim.net.route('guest', 'host');
      route.stall();
      let arrived = false;
      const reading = far.read(new Uint8Array(3), 3).then((count) => {
        arrived = true;
        return count;
      });
      for (let i = 0; i < 3; i += 1) await near.write([Uint8Array.of(i)]);
      await world.clock.sleep(60_000);
      assert.equal(arrived, false);
      route.release();
      assert.equal(await reading, 3);
    });
  });

  it('is half-dead: silent both ways, then goes on or is found broken', async () => {
    const seen = new Set<string>();
    for (let seed = SEED; seed < SEED + 12; seed += 1) {
      await linked(
        NO_FAULTS,
        async ({ sim, world, near, far }) => {
          const route = sim.net.route('host', 'guest');
          route.halfDead();
          const reading = outcomeOf(far.read(new Uint8Array(1), 1));
          await near.write([Uint8Array.of(1)]);
          await world.clock.sleep(10_000);
          route.heal();
          seen.add(String(await reading));
        },
        seed,
      );
    }
    assert.deepEqual([...seen].sort(), ['1', 'CW_LINK_CLOSED']);
  });

  it('damages bits of plain bytes, and fails a secure channel', async () => {
    await linked(NO_FAULTS, async ({ sim, near, far }) => {
      sim.net.route('host', 'guest').flipNext();
      await near.write([new Uint8Array(100)]);
      const into = new Uint8Array(100);
      await far.read(into, 100);
      assert.equal(into.filter((byte) => byte !== 0).length, 1);
    });
    await linked(NO_FAULTS, async ({ sim, world, near, far }) => {
      const [client, server] = await secured(world, near, far);
      sim.net.route('host', 'guest').flipNext();
      await client.write([new Uint8Array(100)]);
      assert.equal(await outcomeOf(server.read(new Uint8Array(100), 1)), 'CW_TLS_FAILED');
      assert.equal(await outcomeOf(server.read(new Uint8Array(100), 1)), 'CW_TLS_FAILED');
    });
  });

  it('fails the handshake of a secure channel for a flipped bit, wherever it is', async () => {
    for (let seed = SEED; seed < SEED + 30; seed += 1) {
      await linked(
        NO_FAULTS,
        async ({ sim, world, near, far }) => {
          sim.net.route('host', 'guest').flipNext();
          assert.equal(await outcomeOf(secured(world, near, far)), 'CW_TLS_FAILED', `SEED=${seed}`);
        },
        seed,
      );
    }
  });

  it('has a bandwidth where one is set', async () => {
    await linked(NO_FAULTS, async ({ sim, world, near, far }) => {
      sim.net.route('host', 'guest').bytesPerMs = 10;
      const startMs = world.clock.monotonicMs();
      await Promise.all([near.write([new Uint8Array(10_000)]), far.read(new Uint8Array(10_000), 10_000)]);
      const passedMs = world.clock.monotonicMs() - startMs;
      assert.ok(passedMs >= 999 && passedMs < 1_100, `${passedMs} ms`);
    });
  });

  it('meets each fault of the plan, and none after faults stop', async () => {
    const faults: [Partial<NetFaults>, string][] = [
      [{ cutRate: 1 }, 'CW_LINK_CLOSED'],
      [{ flipRate: 1 }, 'flipped'],
      [{ stallRate: 1, stallMaxMs: 100_000 }, 'late'],
    ];
    for (const [net, expected] of faults) {
      await linked(withNet(net), async ({ sim, world, near, far }) => {
        const into = new Uint8Array(expected === 'CW_LINK_CLOSED' ? 9 : 8); // a cut may come behind the last byte
        const startMs = world.clock.monotonicMs();
        const reading = outcomeOf(far.read(into, into.byteLength));
        await near.write([new Uint8Array(8)]).catch(() => undefined);
        let outcome = await reading;
        if (outcome === 8 && into.some((byte) => byte !== 0)) outcome = 'flipped';
        if (outcome === 8 && world.clock.monotonicMs() - startMs > 1) outcome = 'late';
        assert.equal(outcome, expected);
        sim.faults.stop();
        if (expected === 'CW_LINK_CLOSED') return;
        await near.write([new Uint8Array(8)]);
        assert.equal(await far.read(into, 8), 8);
        assert.ok(into.every((byte) => byte === 0));
      });
    }
  });

  it('stops stalling what is on its way when faults stop', async () => {
    await linked(withNet({ stallRate: 1, stallMaxMs: 1e9 }), async ({ sim, near, far }) => {
      sim.after(500, () => sim.faults.stop());
      await near.write([new Uint8Array(8)]);
      assert.equal(await far.read(new Uint8Array(8), 8), 8);
      assert.ok(sim.nowMs < 1_000);
    });
  });
});

describe('the end of a process or a machine', () => {
  it('shows at the other end of its sockets: an end or a cut', async () => {
    const seen = new Set<string>();
    for (let seed = SEED; seed < SEED + 12; seed += 1) {
      await linked(
        NO_FAULTS,
        async ({ sim, world, server, near }) => {
          sim.after(10, () => server.kill());
          seen.add(String(await outcomeOf(near.read(new Uint8Array(1), 1))));
          await outcomeOf(near.write([new Uint8Array(1)])); // may go into the void
          await world.clock.sleep(1);
          assert.equal(await outcomeOf(near.write([new Uint8Array(1)])), 'CW_LINK_CLOSED');
        },
        seed,
      );
    }
    assert.deepEqual([...seen].sort(), ['0', 'CW_LINK_CLOSED']);
  });

  it('without power is silent at first and CW_LINK_CLOSED at last', async () => {
    await linked(NO_FAULTS, async ({ sim, near }) => {
      sim.machine('guest').powerCut();
      const startMs = sim.nowMs;
      assert.equal(await outcomeOf(near.read(new Uint8Array(1), 1)), 'CW_LINK_CLOSED');
      assert.ok(sim.nowMs > startMs && sim.nowMs < startMs + 11_000);
    });
  });

  it('gives its port back', async () => {
    const sim = new Sim(SEED);
    const agent = async (world: World): Promise<void> => {
      const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: PORT });
      for (;;) await (await listener.accept()).close();
    };
    const supervisor = sim.machine('guest').supervise('agent', agent);
    for (let round = 0; round < 3; round += 1) {
      await sim.run(sim.machine('host'), async (world) => {
        await world.clock.sleep(1_000);
        const conn = await world.net.dial({ kind: 'tcp', host: 'guest', port: PORT }, DIAL);
        await conn.close();
      });
      supervisor.process.kill();
    }
  });
});

describe('a serial device', () => {
  const host = { machine: 'host', path: '/run/port.sock' };
  const guest = { machine: 'guest', path: '/dev/vport1p1' };

  it('keeps what nobody has read for the next program, and knows no ends', async () => {
    const sim = new Sim(SEED);
    sim.net.device(host, guest);
    const open = (world: World) => world.net.dial({ kind: 'device', path: '/dev/vport1p1' }, DIAL);
    await sim.run(sim.machine('guest'), async (world) => {
      const port = await open(world);
      await assert.rejects(open(world), { code: 'CW_LINK_BUSY' });
      await port.write([Buffer.from('stale ')]);
      await port.close();
    });
    await sim.run(sim.machine('guest'), async (world) => {
      const port = await open(world);
      await port.write([Buffer.from('fresh')]);
      await port.close();
    });
    await sim.run(sim.machine('host'), async (world) => {
      const socket = await world.net.dial({ kind: 'unix', path: '/run/port.sock' }, DIAL);
      const into = new Uint8Array(11);
      assert.equal(await socket.read(into, 11), 11);
      assert.equal(Buffer.from(into).toString(), 'stale fresh');
      let ended = false;
      const waiting = outcomeOf(socket.read(into, 1)).then((outcome) => {
        ended = true;
        return outcome;
      });
      await world.clock.sleep(60_000);
      assert.equal(ended, false, 'a device does not end when the other side closes it');
      await socket.close();
      assert.ok([0, 'CW_LINK_CLOSED'].includes(await waiting));
    });
    assert.deepEqual(sim.leaks(), []);
  });

  it('holds a writer back when its buffer is full, and lets the write go by close', async () => {
    const sim = new Sim(SEED);
    sim.net.device(host, guest);
    await sim.run(sim.machine('guest'), async (world) => {
      const port = await world.net.dial({ kind: 'device', path: '/dev/vport1p1' }, DIAL);
      const writing = outcomeOf(port.write([new Uint8Array(200_000)]));
      await world.clock.sleep(10);
      await port.close();
      assert.equal(await writing, 'CW_LINK_CLOSED');
    });
  });

  it('loses what a machine without power had not read, or keeps it', async () => {
    const seen = new Set<boolean>();
    for (let seed = SEED; seed < SEED + 12; seed += 1) {
      const sim = new Sim(seed);
      sim.net.device(host, guest);
      const send = async (world: World, text: string): Promise<void> => {
        const port = await world.net.dial({ kind: 'unix', path: '/run/port.sock' }, DIAL);
        await port.write([Buffer.from(text)]);
        await port.close();
      };
      await sim.run(sim.machine('host'), (world) => send(world, 'before'));
      sim.machine('guest').powerCut();
      await sim.run(sim.machine('host'), (world) => send(world, 'after'));
      await sim.run(sim.machine('guest'), async (world) => {
        const port = await world.net.dial({ kind: 'device', path: '/dev/vport1p1' }, DIAL);
        const into = new Uint8Array(20);
        const text = Buffer.from(into.subarray(0, await port.read(into, 5))).toString();
        assert.ok(text === 'after' || text === 'beforeafter', text);
        seen.add(text === 'after');
        await port.close();
      });
    }
    assert.equal(seen.size, 2);
  });
});

async function secured(world: World, near: Conn, far: Conn): Promise<[Conn, Conn]> {
  const one: TlsIdentity = await world.identities.create('one');
  const two: TlsIdentity = await world.identities.create('two');
  return Promise.all([
    world.net.secure(near, { identity: one, role: 'client', handshakeTimeoutMs: 1_000 }),
    world.net.secure(far, { identity: two, role: 'server', handshakeTimeoutMs: 1_000 }),
  ]);
}
