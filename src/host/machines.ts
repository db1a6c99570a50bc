import { fromHex, toHex } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { AddVmRequest, PairRequest, PairView, StartJobRequest, VmView } from '../contract/schemas.ts';
import type { Link } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import { callRpc } from '../link/rpc.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import type { TrustStore } from '../link/session/trust_store.ts';
import { CopyService } from '../transfer/copy_service.ts';
import type { LaneRouter } from '../transfer/lane_router.ts';
import { PeerSession } from '../transfer/peer_session.ts';
import { parseToken } from '../wire/token.ts';
import type { TlsIdentity } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { dialMachine } from './dial_machine.ts';
import { remainsOnHost, type StoredVm, type VmStore } from './vm_store.ts';
import { linkView } from './vm_view.ts';
import { WaitingLink } from './waiting_link.ts';

export interface MachinesParts {
  readonly world: World;
  readonly store: VmStore;
  readonly trust: TrustStore;
  readonly tokens: PairingTokens;
  readonly identity: TlsIdentity;
  readonly buildId: string;
}

/** Tells this run of the daemon from earlier ones. */
const INCARNATION_BYTES = 16;

interface Machine {
  readonly link: Link;
}

/** The machines of one daemon and the links to them. */
export class Machines {
  readonly #parts: MachinesParts;
  readonly #machines = new Map<string, Machine>();
  readonly #sessions = new Map<Mux, PeerSession>();
  readonly #hostCopies: CopyService;
  readonly #over = new AbortController();
  readonly #incarnation: Uint8Array;
  #listenAddress: string | null = null;

  constructor(parts: MachinesParts) {
    this.#parts = parts;
    this.#hostCopies = new CopyService(parts.world);
    this.#incarnation = parts.world.random.bytes(INCARNATION_BYTES);
  }

  /** Starts the links of all known machines. */
  startAll(): void {
    for (const vm of this.#parts.store.all()) this.#start(vm);
  }

  /** Where agents can dial in, for messages. */
  listening(address: string | null): void {
    this.#listenAddress = address;
  }

  has(name: string): boolean {
    return this.#machines.has(name);
  }

  /** CW_VM_UNKNOWN. */
  link(name: string): Link {
    const machine = this.#machines.get(name);
    if (!machine) throw unknown(name);
    return machine.link;
  }

  /** Where lanes of a link arrive. */
  routerOf(mux: Mux): LaneRouter {
    return this.#session(mux).router;
  }

  views(): VmView[] {
    return this.#parts.store.all().map((vm) => this.view(vm.name));
  }

  view(name: string): VmView {
    const vm = this.#parts.store.get(name);
    if (!vm) throw unknown(name);
    return linkView(vm, this.link(name).state, this.#parts.world.clock);
  }

  /** CW_VM_EXISTS, CW_PAIR_TOKEN_MALFORMED, CW_USAGE. */
  async add(request: AddVmRequest): Promise<VmView> {
    const { name, endpoint, token, trustCarrier = false } = request;
    if (endpoint.kind === 'tcp' && trustCarrier)
      throw new CausewayError(
        'CW_USAGE',
        'a TCP connection is always encrypted: --trust-carrier is for local channels and commands',
      );
    if (endpoint.kind === 'tcp' && token === undefined) {
      throw new CausewayError('CW_USAGE', 'a machine on TCP needs the token that its agent printed: --token');
    }
    const parsed = token === undefined ? null : parseToken(token);
    const vm: StoredVm = {
      name,
      endpoint,
      trustCarrier,
      fingerprint: parsed?.fingerprint ?? null,
      pairingSecret: parsed === null ? null : toHex(parsed.secret),
      pendingDiscards: [],
    };
    await this.#parts.store.add(vm);
    this.#start(vm);
    return this.view(name);
  }

  async remove(name: string): Promise<void> {
    const link = this.link(name);
    this.#machines.delete(name);
    await link.close();
    await this.#parts.trust.unpin(name);
    await this.#parts.store.remove(name);
  }

  /** Issues a token for a machine whose agent dials in. CW_VM_UNKNOWN, CW_USAGE. */
  async pair(name: string, request: PairRequest): Promise<PairView> {
    const vm = this.#parts.store.get(name);
    if (!vm) throw unknown(name);
    if (vm.endpoint.kind !== 'listen')
      throw new CausewayError('CW_USAGE', `${name} does not dial in: its agent issues the token`);
    if (this.#listenAddress === null)
      throw new CausewayError(
        'CW_USAGE',
        'the daemon does not listen: start it with `causeway up --listen ADDR:PORT`',
      );
    const { identity, tokens } = this.#parts;
    const addresses = request.addresses.length > 0 ? request.addresses : [this.#listenAddress];
    const issued = await tokens.issue({ name, addresses, fingerprint: identity.fingerprint });
    return { token: issued.text, expiresAtMs: issued.info.expiresAtMs, fingerprint: identity.fingerprint };
  }

  /** A machine's agent has dialled in; `name` is the one it was paired under. */
  async arrived(name: string, link: Link): Promise<void> {
    const machine = this.#machines.get(name);
    if (machine && machine.link instanceof WaitingLink) return machine.link.replace(link);
    await link.close(); // the machine was removed, or is reached in another way now
  }

  /** Removes what a cancelled copy left. Throws what keeps it from being removed. */
  async discard(request: StartJobRequest, transferId: Uint8Array): Promise<void> {
    if (remainsOnHost(request)) {
      await this.#hostCopies.discard(transferId, request.destination);
      return;
    }
    await this.#discardOn(request.vm, transferId, request.destination);
  }

  /** Remembers to remove it when the machine answers again. */
  async discardLater(request: StartJobRequest, transferId: Uint8Array): Promise<void> {
    const vm = this.#parts.store.get(request.vm);
    if (!vm || remainsOnHost(request)) return;
    const pending = { transferId: toHex(transferId), destination: request.destination };
    await this.#parts.store.change(vm.name, { pendingDiscards: [...vm.pendingDiscards, pending] });
  }

  async close(): Promise<void> {
    this.#over.abort(new CausewayError('CW_CANCELLED', 'the daemon is shutting down'));
    await Promise.all([...this.#machines.values()].map(({ link }) => link.close()));
    this.#machines.clear();
  }

  async #discardOn(name: string, transferId: Uint8Array, destination: string): Promise<void> {
    const deadline = new AbortController();
    const timer = this.#parts.world.clock.sleep(LIMITS.cancelGraceMs.value / 2, deadline.signal).then(
      () => deadline.abort(new CausewayError('CW_TIMEOUT', `${name} does not answer`)),
      () => undefined, // it answered in time
    );
    try {
      const mux = await this.link(name).ready(deadline.signal);
      await callRpc(mux, 'discard', { transferId, destination }, deadline.signal);
    } finally {
      deadline.abort();
      await timer;
    }
  }

  #start(vm: StoredVm): void {
    const { world, store, identity, buildId } = this.#parts;
    const link =
      vm.endpoint.kind === 'listen'
        ? new WaitingLink(world.clock)
        : dialMachine(world, vm, {
            identity,
            buildId,
            incarnation: this.#incarnation,
            onPinned: (fingerprint) => store.change(vm.name, { fingerprint }),
          });
    this.#machines.set(vm.name, { link });
    link.onState((state) => {
      if (state.kind === 'up') this.#cameUp(vm.name, state.mux);
    });
    if (link.state.kind === 'up') this.#cameUp(vm.name, link.state.mux);
  }

  #cameUp(name: string, mux: Mux): void {
    this.#session(mux);
    const vm = this.#parts.store.get(name);
    if (!vm) return;
    if (vm.pairingSecret !== null) void this.#parts.store.change(name, { pairingSecret: null });
    if (vm.pendingDiscards.length > 0) observed(this.#catchUp(vm));
  }

  async #catchUp(vm: StoredVm): Promise<void> {
    const left = [];
    for (const pending of vm.pendingDiscards) {
      try {
        await this.#discardOn(vm.name, fromHex(pending.transferId), pending.destination);
      } catch (failure) {
        if (asCausewayError(failure).next !== 'never') left.push(pending);
      }
    }
    await this.#parts.store.change(vm.name, { pendingDiscards: left });
  }

  #session(mux: Mux): PeerSession {
    const existing = this.#sessions.get(mux);
    if (existing) return existing;
    const session = new PeerSession(mux, null, {});
    this.#sessions.set(mux, session);
    void session.serve().then(() => this.#sessions.delete(mux));
    return session;
  }
}

function unknown(name: string): CausewayError {
  return new CausewayError('CW_VM_UNKNOWN', `there is no machine ${name}`);
}
