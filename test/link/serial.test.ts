import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { AcceptedLink } from '../../src/link/accepted_link.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Turned } from '../../src/link/link_server.ts';
import { serveLinks } from '../../src/link/serve.ts';
import { encodeBoot, encodeSync } from '../../src/wire/preamble.ts';
import { type FaultPlan, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { Seeded, testSeed } from './seeded.ts';
import { EchoClient, FOREVER, firstUse, openDevice, proves, serveEcho } from './sim_link.ts';

const HOST_PATH = '/run/port.sock';
const GUEST_PATH = '/dev/vport1p1';
const SEED = testSeed();
const SEEDS = Number(process.env['SERIAL_SEEDS'] ?? 15);

/** Bytes arrive in pieces, late, and reads give fewer than there are. */
const CHOPPY: FaultPlan = {
  ...NO_FAULTS,
  net: { ...NO_FAULTS.net, splitRate: 0.5, latencyRate: 1, latencyMaxMs: 20 },
};

function setUp(seed: number, plan: FaultPlan = NO_FAULTS) {
  const sim = new Sim(seed, plan);
  const host = sim.machine('host');
  const guest = sim.machine('guest');
  sim.net.device({ machine: 'host', path: HOST_PATH }, { machine: 'guest', path: GUEST_PATH });
  const links: AcceptedLink[] = [];
  const turned: Turned[] = [];
  return { sim, host, guest, links, turned, agentMain: agentMain(links, turned) };
}

function agentMain(links: AcceptedLink[], turned: Turned[] = []) {
  return async (world: World) => {
    const device = await openDevice(world);
    const channel = { kind: 'device', path: GUEST_PATH } as const;
    const source = { kind: 'pipe', channel, serial: true } as const;
    const { identity } = device;
    const server = serveLinks(world, { source, trust: firstUse(device), identity, buildId: 'agent' });
    server.onTurned((one) => turned.push(one));
    await serveEcho(server, (link) => links.push(link));
  };
}

async function dialPort(world: World) {
  const { identity, store } = await openDevice(world);
  const onPinned = (fingerprint: string) => store.pinFirst(fingerprint, 'vm');
  const fingerprint = store.byName('vm')[0]?.fingerprint ?? null;
  const trust = { kind: 'first-use', fingerprint, onPinned } as const;
  return dialLink(world, {
    channel: { kind: 'unix', path: HOST_PATH },
    serial: true,
    trust,
    identity,
    buildId: 'host',
  });
}

/** A program of an earlier time: leaves `bytes` in the port, unread, and is gone. */
async function leaveBehind(sim: Sim, machine: string, path: string, bytes: Uint8Array): Promise<void> {
  await sim.run(sim.machine(machine), async (world) => {
    const conn = await world.net.dial({ kind: 'unix', path }, { timeoutMs: 1000 });
    await conn.write([bytes]);
    await conn.close();
  });
}

describe('a link over a serial port', () => {
  it('comes up whatever stale bytes are in the port, however the bytes are cut', async () => {
    for (let i = 0; i < SEEDS; i += 1) {
      const { sim, host, guest, agentMain: agent } = setUp(SEED + i, CHOPPY);
      const random = new Seeded(SEED + i);
      const torn = encodeSync(random.bytes(16)).subarray(0, random.below(24));
      const junk = () =>
        concat([random.bytes(random.below(3000)), encodeSync(random.bytes(16)), encodeBoot(), torn]);
      await leaveBehind(sim, 'host', HOST_PATH, junk());
      await leaveBehind(sim, 'guest', GUEST_PATH, junk());
      guest.spawn('agent', agent);
      await sim.run(
        host,
        async (world) => {
          const link = await dialPort(world);
          await proves(link);
          await link.close();
        },
        { maxVirtualMs: 60_000 },
      );
    }
  });

  it('waits for a guest that boots late, and connects within the time of one attempt', async () => {
    const { sim, host, guest, agentMain: agent } = setUp(2);
    const bootMs = 100_000;
    sim.after(bootMs, () => guest.spawn('agent', agent));
    await sim.run(host, async (world) => {
      const link = await dialPort(world);
      const stop = new AbortController();
      sim.after(60_000, () => stop.abort());
      await assert.rejects(link.ready(stop.signal), { code: 'CW_VM_OFFLINE', message: /serial port/ });
      await proves(link);
      assert.ok(world.clock.monotonicMs() < bootMs + LIMITS.reconnectMaxMs.value + 500);
      await link.close();
    });
  });

  it('finds its session lost after a restart of the agent, and works on', async () => {
    const { sim, host, guest, agentMain: agent } = setUp(3);
    const supervisor = guest.supervise('agent', agent);
    await sim.run(host, async (world) => {
      const link = await dialPort(world);
      for (let round = 0; round < 5; round += 1) {
        const mux = await link.ready(FOREVER);
        await proves(link);
        const killedMs = world.clock.monotonicMs();
        supervisor.process.kill();
        assert.equal((await mux.closed).error.code, 'CW_LINK_SESSION_LOST');
        const noticedMs = world.clock.monotonicMs() - killedMs;
        assert.ok(noticedMs < 1000, `noticed after ${noticedMs} ms: the beacon tells, not the heartbeat`);
      }
      await proves(link);
      await link.close();
    });
  });

  it('lets a new host process in, and ends what the old one left', async () => {
    const { sim, host, guest, links, agentMain: agent } = setUp(4);
    guest.spawn('agent', agent);
    for (let round = 0; round < 5; round += 1) {
      const process = host.spawn('daemon', async (world) => {
        await proves(await dialPort(world));
        await world.clock.sleep(1e9);
      });
      await sim.runUntil(() => links.length === round + 1 && links[round]?.state.kind === 'up', {
        maxVirtualMs: 60_000,
      });
      assert.ok(links.slice(0, round).every((link) => link.state.kind === 'closed'));
      process.kill();
      await sim.advance(10 + 700 * round);
    }
    assert.equal(links.length, 5);
  });

  it('survives restarts of both sides at any moment, on a choppy port', async () => {
    for (let i = 0; i < SEEDS; i += 1) {
      const { sim, host, guest, agentMain: agent } = setUp(SEED + i, CHOPPY);
      const random = new Seeded(SEED + i);
      const daemon = async (world: World) => {
        const client = await EchoClient.open(await (await dialPort(world)).ready(FOREVER));
        for (;;) await client.exchange();
      };
      const agents = guest.supervise('agent', agent);
      const daemons = host.supervise('daemon', daemon);
      for (let kill = 0; kill < 6; kill += 1) {
        await sim.advance(1 + random.below(kill % 2 === 0 ? 50 : 3000));
        (random.below(2) === 0 ? agents : daemons).process.kill();
      }
      daemons.stop();
      daemons.process.kill();
      await sim.run(host, async (world) => proves(await dialPort(world)), { maxVirtualMs: 60_000 });
    }
  });

  it('goes on with its session after a flipped bit', async () => {
    const { sim, host, guest, links, turned, agentMain: agent } = setUp(5);
    guest.spawn('agent', agent);
    await sim.run(host, async (world) => {
      const link = await dialPort(world);
      const client = await EchoClient.open(await link.ready(FOREVER));
      for (let i = 0; i < 10; i += 1) {
        await client.exchange();
        sim.net.route('host', 'guest').flipNext(1);
        await client.exchange();
      }
      assert.equal(client.count, 20);
      await link.close();
    });
    assert.equal(links.length, 1);
    assert.ok(
      turned.every((one) => one.error.code !== 'CW_LINK_BUSY'),
      'the port is not opened while it is in use',
    );
  });

  it('refuses a guest with another key', async () => {
    const { sim, host, guest, agentMain: agent } = setUp(6);
    sim.machine('impostor');
    sim.net.device({ machine: 'host', path: '/run/other.sock' }, { machine: 'impostor', path: GUEST_PATH });
    guest.spawn('agent', agent);
    sim.machine('impostor').spawn('agent', agentMain([]));
    await sim.run(host, async (world) => {
      const link = await dialPort(world);
      await proves(link);
      await link.close();
      const { identity, store } = await openDevice(world);
      const fingerprint = store.byName('vm')[0]?.fingerprint as string;
      const trust = {
        kind: 'first-use',
        fingerprint,
        onPinned: async () => assert.fail('pinned again'),
      } as const;
      const channel = { kind: 'unix', path: '/run/other.sock' } as const;
      const other = dialLink(world, { channel, serial: true, trust, identity, buildId: 'host' });
      await assert.rejects(other.ready(FOREVER), { code: 'CW_PAIR_KEY_CHANGED' });
      assert.equal(other.state.kind, 'failed');
      await other.close();
    });
  });
});
