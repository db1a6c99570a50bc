import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { AcceptedLink } from '../../src/link/accepted_link.ts';
import { firstReachable } from '../../src/link/channel.ts';
import { type DialSpec, dialLink } from '../../src/link/dial.ts';
import type { Link, LinkState } from '../../src/link/link.ts';
import type { ServeTrust } from '../../src/link/reception.ts';
import { serveLinks } from '../../src/link/serve.ts';
import { greetAsDialer } from '../../src/link/session/handshake.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { EchoClient, FOREVER, firstUse, openDevice, proves, serveEcho } from './sim_link.ts';

const ADDRESS = { kind: 'tcp', host: 'guest', port: 7000 } as const;

async function dialGuest(world: World, extra: Partial<DialSpec> = {}): Promise<Link> {
  const { identity } = await openDevice(world);
  const trust = { kind: 'first-use', fingerprint: null, onPinned: async () => undefined } as const;
  return dialLink(world, { channel: ADDRESS, trust, identity, buildId: 'host-build', ...extra });
}

/** An agent that answers; `links` are those it has accepted, of all its processes. */
function agentMain(links: AcceptedLink[], trust?: ServeTrust) {
  return async (world: World) => {
    const device = await openDevice(world);
    const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: ADDRESS.port });
    const source = { kind: 'listener', listener } as const;
    const server = serveLinks(world, {
      source,
      trust: trust ?? firstUse(device),
      identity: device.identity,
      buildId: 'agent-build',
    });
    await serveEcho(server, (link) => links.push(link));
  };
}

function setUp(seed: number) {
  const sim = new Sim(seed);
  const links: AcceptedLink[] = [];
  const agent = sim.machine('guest').supervise('agent', agentMain(links));
  return { sim, agent, links, host: sim.machine('host'), route: sim.net.route('host', 'guest') };
}

function stateOf<K extends LinkState['kind']>(link: Link, kind: K): Extract<LinkState, { kind: K }> {
  const { state } = link;
  assert.equal(state.kind, kind);
  return state as Extract<LinkState, { kind: K }>;
}

/** Runs `main` on the host while the simulation goes on; fails with its error. */
async function onHost(sim: Sim, main: (world: World) => Promise<void>): Promise<void> {
  await sim.run(sim.machine('host'), main);
}

describe('a dialled link', () => {
  it('connects, says who the peer is, and passes through its states', async () => {
    const { sim, links } = setUp(1);
    const states: LinkState['kind'][] = [];
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      assert.equal(link.state.kind, 'connecting');
      link.onState((state) => states.push(state.kind));
      await proves(link);
      const { peer } = stateOf(link, 'up');
      assert.equal(peer.buildId, 'agent-build');
      assert.equal(peer.hostName, 'guest');
      assert.equal(peer.tlsGroup, 'X25519MLKEM768');
      assert.match(peer.fingerprint ?? '', /^[0-9a-f]{64}$/);
      const accepted = links[0]?.peer;
      assert.equal(accepted?.id, 'host');
      assert.equal(accepted?.newlyPinned, true);
      assert.equal(accepted?.hello.tlsGroup, 'X25519MLKEM768');
      assert.equal(accepted?.hello.buildId, 'host-build');
      await link.close();
    });
    assert.deepEqual(states, ['up', 'closed']);
    await sim.runUntil(() => links[0]?.state.kind === 'closed', { maxVirtualMs: 60_000 });
  });

  it('resumes the same session after each of many cuts: streams go on, nothing is lost', async () => {
    const { sim, route, links } = setUp(2);
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const mux = await link.ready(FOREVER);
      const client = await EchoClient.open(mux);
      const kinds: string[] = [];
      link.onState((state) => kinds.push(state.kind));
      for (let round = 0; round < 20; round += 1) {
        for (let i = 0; i < 5; i += 1) await client.send();
        await world.clock.sleep(round / 10);
        route.cut();
        for (let i = 0; i < 5; i += 1) await client.receive();
      }
      assert.equal(client.count, 100);
      assert.equal(await link.ready(FOREVER), mux, 'the mux is the same');
      assert.ok(mux.stats.reconnects >= 15, `${mux.stats.reconnects} reconnects`);
      assert.ok(!kinds.includes('connecting') && !kinds.includes('closed'), kinds.join());
      await link.close();
    });
    assert.equal(links.length, 1, 'a resumed session is no new link');
  });

  it('tells streams CW_LINK_SESSION_LOST when the agent was started anew, and works on with a fresh mux', async () => {
    const { sim, agent, links } = setUp(3);
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const mux = await link.ready(FOREVER);
      const client = await EchoClient.open(mux);
      await client.exchange();
      const cut = client.exchange();
      agent.process.kill();
      await assert.rejects(cut, { code: 'CW_LINK_SESSION_LOST' });
      assert.equal((await mux.closed).error.code, 'CW_LINK_SESSION_LOST');
      await proves(link);
      assert.notEqual(await link.ready(FOREVER), mux);
      await link.close();
    });
    assert.equal(links.length, 2);
  });

  it('keeps trying while nobody answers, says why, and connects when somebody does', async () => {
    const sim = new Sim(4);
    sim.machine('guest');
    sim.after(30_000, () => sim.machine('guest').spawn('agent', agentMain([])));
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const stop = new AbortController();
      sim.after(20_000, () => stop.abort());
      await assert.rejects(link.ready(stop.signal), { code: 'CW_VM_OFFLINE', message: /nothing answers/ });
      const { attempt } = stateOf(link, 'connecting');
      assert.ok(attempt > 10 && attempt < 40, `${attempt} attempts in 20 s`);
      await proves(link);
      assert.ok(world.clock.monotonicMs() < 30_000 + LIMITS.reconnectMaxMs.value + 1000);
      await link.close();
    });
  });

  it('is declared dead within the heartbeat time when the network goes silent, and resumes when it is back', async () => {
    const { sim, route } = setUp(5);
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const client = await EchoClient.open(await link.ready(FOREVER));
      await client.exchange();
      const silentSinceMs = world.clock.monotonicMs();
      let interruptedAtMs = 0;
      link.onState((state) => {
        if (state.kind === 'interrupted' && interruptedAtMs === 0)
          interruptedAtMs = world.clock.monotonicMs();
      });
      route.halfDead();
      sim.after(30_000, () => route.heal());
      await client.exchange();
      const slack = LIMITS.heartbeatIntervalMs.value + 1000;
      assert.ok(
        interruptedAtMs - silentSinceMs <= LIMITS.heartbeatTimeoutMs.value + slack,
        `${interruptedAtMs}`,
      );
      await link.close();
    });
  });

  it('starts again with a short wait when it is cut after a long outage', async () => {
    const sim = new Sim(10);
    sim.machine('guest');
    sim.after(20_000, () => sim.machine('guest').spawn('agent', agentMain([])));
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const client = await EchoClient.open(await link.ready(FOREVER));
      await client.exchange();
      const cutMs = world.clock.monotonicMs();
      sim.net.route('host', 'guest').cut();
      await client.exchange();
      const tookMs = world.clock.monotonicMs() - cutMs;
      assert.ok(tookMs < 2 * LIMITS.reconnectMinMs.value, `${tookMs} ms`);
      await link.close();
    });
  });

  it('tries every address it was given, in order', async () => {
    const { sim } = setUp(12);
    await onHost(sim, async (world) => {
      const nobody = { kind: 'tcp', host: 'guest', port: 1 } as const;
      const link = await dialGuest(world, { channel: firstReachable(world.net, [nobody, ADDRESS]) });
      await proves(link);
      await link.close();
      const lost = await dialGuest(world, { channel: firstReachable(world.net, [nobody, nobody]) });
      await world.clock.sleep(100);
      assert.equal(stateOf(lost, 'connecting').lastError?.code, 'CW_LINK_REFUSED');
      await lost.close();
    });
  });

  it('begins a new session after its mux was closed while no carrier was there to tell the peer', async () => {
    const { sim, route } = setUp(11);
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const mux = await link.ready(FOREVER);
      await proves(link);
      route.cut();
      await mux.close(new CausewayError('CW_LINK_CLOSED', 'no longer wanted'));
      await proves(link);
      assert.notEqual(await link.ready(FOREVER), mux);
      await link.close();
    });
  });

  it('can be closed at any moment, and leaves nothing behind', async () => {
    for (let step = 0; step < 60; step += 1) {
      const { sim } = setUp(100 + step);
      await onHost(sim, async (world) => {
        const link = await dialGuest(world);
        await world.clock.sleep(step);
        await link.close();
        assert.equal(link.state.kind, 'closed');
      });
      assert.deepEqual(
        sim.leaks().filter((leak) => !leak.includes('folder')),
        [],
        `closed after ${step} ms`,
      );
    }
  });
});

describe('an accepted link', () => {
  it('is kept for the time agreed, then closed; the dialler learns that its session is lost', async () => {
    const { sim, route, links } = setUp(6);
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const mux = await link.ready(FOREVER);
      await proves(link);
      route.stall();
      sim.after(LIMITS.sessionKeepMs.value + 10_000, () => route.release());
      await world.clock.sleep(LIMITS.sessionKeepMs.value);
      assert.equal(links[0]?.state.kind, 'interrupted');
      await world.clock.sleep(LIMITS.heartbeatTimeoutMs.value + 3000);
      assert.equal(links[0]?.state.kind, 'closed');
      assert.equal((await mux.closed).error.code, 'CW_LINK_SESSION_LOST');
      await proves(link);
      await link.close();
    });
  });

  it('ends at once when a new process of the same device says hello', async () => {
    const { sim, links, host } = setUp(7);
    const main = (incarnation: number) => async (world: World) => {
      const link = await dialGuest(world, { incarnation: new Uint8Array(16).fill(incarnation) });
      await proves(link);
      await world.clock.sleep(1e9);
    };
    const first = host.spawn('first', main(1));
    await sim.runUntil(() => links[0]?.state.kind === 'up');
    first.kill();
    await sim.runUntil(() => links[0]?.state.kind === 'interrupted');
    host.spawn('second', main(2));
    await sim.runUntil(() => links[1]?.state.kind === 'up');
    assert.equal(links[0]?.state.kind, 'closed');
  });

  it('has its number of sessions without a carrier bounded', async () => {
    const { sim, links, host } = setUp(8);
    const count = LIMITS.sessionsKeptMax.value + 10;
    for (let i = 0; i < count; i += 1) {
      const process = host.spawn('short', async (world) => {
        await proves(await dialGuest(world));
        await world.clock.sleep(1e9);
      });
      await sim.runUntil(() => links[i]?.state.kind === 'up');
      process.kill();
      await sim.runUntil(() => links[i]?.state.kind !== 'up');
    }
    assert.equal(
      links.filter((link) => link.state.kind === 'interrupted').length,
      LIMITS.sessionsKeptMax.value,
    );
    assert.ok(
      links.slice(0, 10).every((link) => link.state.kind === 'closed'),
      'the longest wait is over first',
    );
  });

  it('does not go on for another key that has learned the id', async () => {
    const sim = new Sim(9);
    const links: AcceptedLink[] = [];
    const everyone = { isPinned: (key: string) => key, redeemPairing: unreached, pinFirstUse: unreached };
    sim.machine('guest').spawn('agent', agentMain(links, { kind: 'policy', policy: everyone }));
    await onHost(sim, async (world) => {
      const link = await dialGuest(world);
      const client = await EchoClient.open(await link.ready(FOREVER));
      await client.exchange();
      const id = (links[0] as AcceptedLink & { sessionId: Uint8Array }).sessionId;
      const thief = await world.identities.create('thief');
      const trust = { kind: 'first-use', fingerprint: null, onPinned: async () => undefined } as const;
      const conn = await world.net.dial(ADDRESS, { timeoutMs: 1000 });
      const session = { id, resume: true, receivedBytes: 0 };
      const stolen = await greetAsDialer(world, conn, { identity: thief, buildId: 'x', trust, session });
      assert.equal(stolen.peer.session.resume, false, 'the thief gets a session of his own');
      await client.exchange();
      assert.equal(stateOf(link, 'up').mux.stats.reconnects, 0, 'the owner does not notice');
      await stolen.conn.close();
      await link.close();
    });
  });
});

const unreached = () => Promise.reject(new Error('every key is pinned'));
