import { CopyRates } from '../../src/host/copy_rates.ts';
import { JobManager } from '../../src/host/job_manager.ts';
import { Machines } from '../../src/host/machines.ts';
import type { MemoryJobStore } from '../../src/host/memory_job_store.ts';
import { VmStore } from '../../src/host/vm_store.ts';
import { serveLinks } from '../../src/link/serve.ts';
import { OwnKeys } from '../../src/link/session/own_keys.ts';
import { openPairingTokens } from '../../src/link/session/pairing_file.ts';
import type { TrustPolicy } from '../../src/link/session/trust.ts';
import { TrustStore } from '../../src/link/session/trust_store.ts';
import { CopyService } from '../../src/transfer/copy_service.ts';
import { peerMethods } from '../../src/transfer/peer_methods.ts';
import { PeerSession } from '../../src/transfer/peer_session.ts';
import type { TlsIdentity } from '../../src/world/net.ts';
import type { World } from '../../src/world/world.ts';
import { SimJobStore } from './sim_job_store.ts';

const PORT = 7411;

/** Keys that outlive processes and power cuts. */
export class SimKeys {
  readonly #made = new Map<string, TlsIdentity>();

  async of(name: string, world: World): Promise<TlsIdentity> {
    const identity = this.#made.get(name) ?? (await world.identities.create(name));
    // two may have made one at the same time
    const made = this.#made.get(name) ?? identity;
    this.#made.set(name, made);
    return made;
  }
}

const TRUST_ALL: TrustPolicy = {
  isPinned: () => 'host',
  redeemPairing: async () => 'host',
  pinFirstUse: async () => 'host',
};

/** What of a daemon its user needs; a new one after each start. */
export interface SimDaemon {
  readonly jobs: JobManager;
  readonly machines: Machines;
  readonly store: VmStore;
}

/** An agent that takes part in copies until it is killed. */
export async function runSimAgent(world: World, keys: SimKeys): Promise<void> {
  const { hostName } = world.process.info;
  const listener = await world.net.listen({ kind: 'tcp', host: hostName, port: PORT });
  const server = serveLinks(world, {
    source: { kind: 'listener', listener },
    trust: { kind: 'policy', policy: TRUST_ALL },
    identity: await keys.of(hostName, world),
    buildId: 'sim',
  });
  const copies = new CopyService(world);
  const forever = new AbortController().signal; // one for all processes would keep what each of them held
  for (;;) {
    const link = await server.accept(forever);
    const mux = await link.ready(forever).catch(() => null); // gone again before it was served
    if (mux) void new PeerSession(mux, copies, peerMethods(world, copies, 'sim')).serve();
  }
}

/** More than what a simulated link carries: copies wait for their turn now and then. */
const SHARED_RATE = 32 * 1024 * 1024;

/** A host daemon but for its API, with its data in /data and its jobs in `disk`, until it is killed. */
export async function runSimDaemon(
  world: World,
  parts: { keys: SimKeys; guests: readonly string[]; disk: MemoryJobStore; up: (daemon: SimDaemon) => void },
): Promise<void> {
  const dir = await world.disk.openRoot('/data');
  const identity = await parts.keys.of(world.process.info.hostName, world);
  const trust = await TrustStore.open(world, dir, '/data');
  const tokens = await openPairingTokens(world, dir, '/data');
  const store = await VmStore.open(dir, '/data');
  for (const name of parts.guests) {
    const { fingerprint } = await parts.keys.of(name, world);
    const endpoint = { kind: 'tcp' as const, host: name, port: PORT };
    const vm = { name, endpoint, trustCarrier: false, fingerprint, pairingSecret: null, pendingDiscards: [] };
    if (!store.get(name)) await store.add(vm).catch(() => undefined); // a full disk: it is known to this run
  }
  const keys = OwnKeys.fixed(world, identity);
  const machines = new Machines({ world, store, trust, tokens, keys, buildId: 'sim' });
  machines.startAll();
  const jobs = new JobManager({
    world,
    machines,
    store: new SimJobStore(world, parts.disk),
    localTime: { offsetMs: () => 0 },
    deviceId: identity.fingerprint,
    rates: new CopyRates(world.clock, SHARED_RATE, (vm) => machines.weightOf(vm)),
  });
  await jobs.load();
  jobs.begin();
  parts.up({ jobs, machines, store });
  for (;;) await world.clock.sleep(60_000);
}
