import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialLink } from '../../src/link/dial.ts';
import { type ServeSource, serveLinks } from '../../src/link/serve.ts';
import { type FaultPlan, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { testSeed } from './seeded.ts';
import { EchoClient, FOREVER, firstUse, openDevice, serveEcho } from './sim_link.ts';

const PORT = 7000;
const SOCKET = '/run/port.sock';
const DEVICE = '/dev/vport1p1';
const EXCHANGES = 40;
const CALM_AFTER_MS = 120_000;
const SEED = testSeed();
const SEEDS = Number(process.env['CHAOS_SEEDS'] ?? 4);

const CHAOS: FaultPlan = {
  ...NO_FAULTS,
  net: {
    latencyRate: 0.5,
    latencyMaxMs: 30,
    splitRate: 0.3,
    bytesPerMs: 2000,
    stallRate: 0.02,
    stallMaxMs: 6000,
    cutRate: 0.02,
    flipRate: 0.01,
    refuseRate: 0.2,
    halfDeadEveryMs: 30_000,
    halfDeadMaxMs: 8000,
  },
  process: { ...NO_FAULTS.process, killMeanOperations: 400, pauseEveryMs: 20_000, pauseMaxMs: 5000 },
};

type Channel = 'tcp' | 'serial' | 'plain serial';

function agentMain(channel: Channel) {
  return async (world: World) => {
    const device = await openDevice(world);
    const source: ServeSource =
      channel === 'tcp'
        ? { kind: 'listener', listener: await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: PORT }) }
        : { kind: 'pipe', channel: { kind: 'device', path: DEVICE }, serial: true };
    const trust = channel === 'plain serial' ? ({ kind: 'trust-carrier' } as const) : firstUse(device);
    await serveEcho(serveLinks(world, { source, trust, identity: device.identity, buildId: 'agent' }));
  };
}

/** Exchanges messages, on a new stream whenever the session was lost, and tells how many came back. */
function daemonMain(channel: Channel, onProgress: (count: number) => void) {
  return async (world: World) => {
    const { identity, store } = await openDevice(world);
    const firstKey = {
      kind: 'first-use',
      fingerprint: store.byName('vm')[0]?.fingerprint ?? null,
      onPinned: (fingerprint: string) => store.pinFirst(fingerprint, 'vm'),
    } as const;
    const link = dialLink(world, {
      channel:
        channel === 'tcp' ? { kind: 'tcp', host: 'guest', port: PORT } : { kind: 'unix', path: SOCKET },
      serial: channel !== 'tcp',
      trust: channel === 'plain serial' ? { kind: 'trust-carrier' } : firstKey,
      identity,
      buildId: 'host',
      incarnation: world.random.bytes(16),
    });
    for (let done = 0; done < EXCHANGES; ) {
      try {
        const client = await EchoClient.open(await link.ready(FOREVER));
        for (; done < EXCHANGES; done += 1) {
          await client.exchange();
          onProgress(done + 1);
        }
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'CW_LINK_SESSION_LOST', String(error));
      }
    }
    await link.close();
  };
}

describe('a link under every fault of the network and kills of both sides', () => {
  for (const channel of ['tcp', 'serial', 'plain serial'] as const) {
    it(`carries every message once and in order, and never stays down: ${channel}`, async () => {
      let deaths = 0;
      let underFaults = 0;
      for (let seed = SEED; seed < SEED + SEEDS; seed += 1) {
        const sim = new Sim(seed, CHAOS);
        const [host, guest] = [sim.machine('host'), sim.machine('guest')];
        sim.net.device({ machine: 'host', path: SOCKET }, { machine: 'guest', path: DEVICE });
        const agent = guest.supervise('agent', agentMain(channel));
        let best = 0;
        const daemon = host.supervise(
          'daemon',
          daemonMain(channel, (count) => {
            best = Math.max(best, count);
          }),
        );
        sim.after(CALM_AFTER_MS, () => sim.faults.stop());
        const finished = () => daemon.process.state === 'exited' || daemon.process.state === 'failed';
        const report = await sim.runUntil(finished, { maxVirtualMs: 300_000 });
        const story = `seed ${seed}, ${best} messages, ${report.outcome}\n${report.tail.join('\n')}`;
        if (daemon.process.state === 'failed') throw daemon.process.failure;
        assert.equal(daemon.process.state, 'exited', story);
        assert.equal(best, EXCHANGES, story);
        deaths += agent.deaths + daemon.deaths;
        if (report.virtualMs < CALM_AFTER_MS) underFaults += 1;
      }
      assert.ok(deaths >= SEEDS / 2, `only ${deaths} processes were killed`);
      assert.ok(underFaults >= SEEDS / 2, `only ${underFaults} runs ended before the faults did`);
    });
  }
});
