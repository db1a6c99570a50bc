import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { VmView } from '../../src/contract/schemas.ts';
import { Agent } from '../../src/guest/agent.ts';
import { serveDialIn } from '../../src/host/dial_in.ts';
import { Machines } from '../../src/host/machines.ts';
import { VmStore } from '../../src/host/vm_store.ts';
import { OwnKeys } from '../../src/link/session/own_keys.ts';
import { openPairingTokens } from '../../src/link/session/pairing_file.ts';
import { StateFile } from '../../src/link/session/state_file.ts';
import { TrustStore } from '../../src/link/session/trust_store.ts';
import type { SimProcess } from '../../src/world/sim/process.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { runSimAgent, SimKeys } from './queue_parties.ts';

/** ALL_STEPS=1: at every operation of both sides; else at some of them, others with each SEED. */
const STRIDE = process.env['ALL_STEPS'] === '1' ? 1 : 37;
const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const NAME = 'dev';
const PORT = 7411;
const DATA = '/data';

type Way = 'host dials' | 'agent dials';
type Owner = 'agent' | 'host';

/** A host with one machine, and what of both is looked at. Both are started again where they end. */
class Pair {
  readonly sim: Sim;
  readonly #way: Way;
  machines: Machines | null = null;
  keys: OwnKeys | null = null;
  token: string | null = null;

  constructor(seed: number, way: Way) {
    this.sim = new Sim(seed);
    this.#way = way;
    for (const name of ['host', 'guest']) this.sim.machine(name, { userId: 0 }).disk.writeTree(DATA, {});
  }

  get view(): VmView | null {
    return this.machines?.has(NAME) ? this.machines.view(NAME) : null;
  }

  startHost(): SimProcess {
    this.machines = null;
    return this.sim.machine('host').spawn('daemon', (world) => this.#host(world));
  }

  startGuest(): SimProcess {
    return this.sim.machine('guest').spawn('agent', (world) => this.#guest(world));
  }

  /** Until the two are linked by keys of which none is about to change. */
  async settled(what: string): Promise<void> {
    const isSettled = () => {
      const { view, keys } = this;
      if (view === null || keys === null) return false;
      return view.state === 'up' && view.nextFingerprint === null && view.hostKey?.isCurrent === true;
    };
    const report = await this.sim.runUntil(isSettled, { maxVirtualMs: 120_000 });
    assert.ok(isSettled(), `${what}: ${JSON.stringify(this.view)} ${report.outcome}`);
  }

  /** What is on the disks: each side trusts one key of the other, and that is the one which the other has. */
  async check(what: string): Promise<void> {
    const { host, guest } = { host: await this.#kept('host'), guest: await this.#kept('guest') };
    assert.deepEqual(host.trusts, [guest.own], `${what}: what the host trusts`);
    assert.deepEqual(guest.trusts, [host.own], `${what}: what the agent trusts`);
  }

  async #kept(name: 'host' | 'guest'): Promise<{ own: string; trusts: string[] }> {
    let kept: { own: string; trusts: string[] } | null = null;
    await this.sim.run(this.sim.machine(name), async (world) => {
      await using dir = await world.disk.openRoot(DATA);
      const { current } = await OwnKeys.open(world, dir, DATA);
      const trust = (await TrustStore.open(world, dir, DATA)).list().map(({ fingerprint }) => fingerprint);
      const vm = (await VmStore.open(dir, DATA)).get(NAME);
      const file = (await new StateFile(dir, DATA, 'host.json').read())?.body ?? {};
      const named = [vm?.fingerprint, vm?.nextFingerprint, file['fingerprint'], file['nextFingerprint']];
      const trusts = [...trust, ...named.filter((one) => typeof one === 'string')];
      kept = { own: current.fingerprint, trusts };
    });
    return kept!;
  }

  async #host(world: World): Promise<void> {
    const dir = await world.disk.openRoot(DATA);
    const keys = await OwnKeys.open(world, dir, DATA);
    const trust = await TrustStore.open(world, dir, DATA);
    const tokens = await openPairingTokens(world, dir, DATA);
    const store = await VmStore.open(dir, DATA);
    const machines = new Machines({ world, store, trust, tokens, keys, buildId: 'sim' });
    machines.startAll();
    const dialsIn = this.#way === 'agent dials';
    if (dialsIn) {
      await serveDialIn(world, { host: 'host', port: PORT, keys, trust, tokens, buildId: 'sim', machines });
      machines.listening(`host:${PORT}`);
    }
    if (!machines.has(NAME)) {
      if (dialsIn) {
        await machines.add({ name: NAME, endpoint: { kind: 'listen' } });
        this.token = (await machines.pair(NAME, { addresses: [] })).token;
      } else {
        while (this.token === null) await world.clock.sleep(10);
        const endpoint = { kind: 'tcp', host: 'guest', port: PORT } as const;
        await machines.add({ name: NAME, endpoint, token: this.token });
      }
    }
    this.keys = keys;
    this.machines = machines;
    for (;;) await world.clock.sleep(60_000);
  }

  async #guest(world: World): Promise<void> {
    const dialsOut = this.#way === 'agent dials';
    while (dialsOut && this.token === null) await world.clock.sleep(10);
    const token = this.view === null || this.view.fingerprint === null ? this.token : null;
    const agent = await Agent.start({
      world,
      dataDirectory: DATA,
      buildId: 'sim',
      channel: dialsOut
        ? { kind: 'tcp', host: 'host', port: PORT, token: this.#isPaired ? null : token }
        : { kind: 'listen', host: 'guest', port: PORT },
      trustCarrier: false,
      log: () => undefined,
    });
    if (!dialsOut) this.token ??= agent.ready.token;
    await agent.finished;
  }

  #isPaired = false;

  async paired(): Promise<void> {
    await this.settled('pairing');
    await this.sim.advance(2_000); // the used secret is forgotten
    this.#isPaired = true;
  }

  change(owner: Owner): Promise<unknown> {
    const changes = this.machines!.keyChanges;
    return owner === 'agent' ? changes.rotateVm(NAME) : changes.rotateOwn();
  }
}

interface Case {
  readonly way: Way;
  readonly owner: Owner;
  readonly victim: 'host' | 'guest';
  readonly how: 'kill' | 'power';
}

/** False where the victim has come to its end before that operation. */
async function strike({ way, owner, victim, how }: Case, operation: number): Promise<boolean> {
  const what = `${way}, key of the ${owner}, ${how} of the ${victim} at ${operation} (SEED=${SEED})`;
  const pair = new Pair(SEED + operation, way);
  let [host, guest] = [pair.startHost(), pair.startGuest()];
  await pair.paired();
  const struck = victim === 'host' ? host : guest;
  const before = pair.keys!.current.fingerprint;
  pair.sim.killAtOperation(struck, struck.operations + operation, how);
  let isOver = false;
  pair.change(owner).then(
    () => (isOver = true),
    () => (isOver = true), // cut off by the death of one side
  );
  const isQuiet = () => !struck.running || (isOver && pair.view?.hostKey?.isCurrent === true);
  await pair.sim.runUntil(isQuiet, { maxVirtualMs: 60_000 });
  if (struck.running) await pair.sim.runUntil(() => !struck.running, { maxVirtualMs: 500 });
  const wasStruck = !struck.running;
  if (!wasStruck) struck.kill();
  if (victim === 'host') host = pair.startHost();
  else guest = pair.startGuest();
  await pair.sim.advance(LIMITS.heartbeatTimeoutMs.value + 1_000); // a lost link is noticed
  await pair.settled(what);
  await pair.sim.advance(1_000); // both have written down what they saw
  for (const process of [host, guest]) process.kill();
  await pair.check(what);
  if (!wasStruck) {
    assert.ok(isOver, `${what}: the change has ended`);
    if (owner === 'host') assert.notEqual(pair.keys!.current.fingerprint, before, what);
  }
  return wasStruck;
}

it('of a machine whose agent is of an older version is refused, and such a machine is shown the former key', async () => {
  const sim = new Sim(SEED);
  const keys = new SimKeys();
  sim.machine('guest').spawn('agent', (world) => runSimAgent(world, keys));
  sim.machine('host', { userId: 0 }).disk.writeTree(DATA, {});
  let over = false;
  const host = sim.machine('host').spawn('daemon', async (world) => {
    const dir = await world.disk.openRoot(DATA);
    const own = await OwnKeys.open(world, dir, DATA);
    const first = own.current.fingerprint;
    const trust = await TrustStore.open(world, dir, DATA);
    const tokens = await openPairingTokens(world, dir, DATA);
    const store = await VmStore.open(dir, DATA);
    const machines = new Machines({ world, store, trust, tokens, keys: own, buildId: 'sim' });
    const { fingerprint } = await keys.of('guest', world);
    const endpoint = { kind: 'tcp', host: 'guest', port: PORT } as const;
    await store.add({
      ...{ name: NAME, endpoint, trustCarrier: false, fingerprint },
      ...{ pairingSecret: null, pendingDiscards: [] },
    });
    machines.startAll();
    await machines.link(NAME).ready(new AbortController().signal);
    await assert.rejects(machines.keyChanges.rotateVm(NAME), {
      code: 'CW_PAIR_FIXED',
      message: /vm update dev/,
    });
    const view = await machines.keyChanges.rotateOwn();
    assert.equal(view.machines[0]?.state, 'too-old');
    assert.equal(machines.view(NAME).hostKey?.fingerprint, first);
    machines.link(NAME).renew();
    while (machines.view(NAME).state === 'up') await world.clock.sleep(1);
    await machines.link(NAME).ready(new AbortController().signal);
    const { state } = machines.link(NAME);
    assert.equal(state.kind === 'up' && state.peer.ownFingerprint, first);
    over = true;
  });
  await sim.runUntil(() => over || !host.running, { maxVirtualMs: 120_000 });
  assert.ok(over, String(host.failure));
});

describe(`a change of keys that is struck down (SEED=${SEED})`, () => {
  for (const way of ['host dials', 'agent dials'] as const)
    for (const owner of ['agent', 'host'] as const)
      for (const victim of ['host', 'guest'] as const)
        it(`leaves a pair that links with one key each: ${way}, key of the ${owner}, death of the ${victim}`, async () => {
          let struck = 0;
          for (const how of ['kill', 'power'] as const) {
            const first = 1 + ((SEED + struck) % STRIDE);
            for (let at = first; await strike({ way, owner, victim, how }, at); at += STRIDE) struck += 1;
          }
          assert.ok(struck >= (STRIDE === 1 ? 60 : 1), `only ${struck} operations were struck`);
        });
});
