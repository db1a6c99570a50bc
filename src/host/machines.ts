import { fromHex, toHex } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { orAborted } from '../base/signal.ts';
import type {
  AddVmRequest,
  PairRequest,
  PairView,
  SetVmRequest,
  StartJobRequest,
  VmView,
} from '../contract/schemas.ts';
import type { Link } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import { callRpc } from '../link/rpc.ts';
import type { OwnKeys } from '../link/session/own_keys.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import type { TrustStore } from '../link/session/trust_store.ts';
import { CopyService } from '../transfer/copy_service.ts';
import type { LaneRouter } from '../transfer/lane_router.ts';
import { PeerSession } from '../transfer/peer_session.ts';
import { reportOf } from '../transfer/undo/report.ts';
import type { UndoReport } from '../transfer/undo/undo.ts';
import { sshArgv } from '../vm/ssh/ssh_command.ts';
import { parseToken } from '../wire/token.ts';
import type { World } from '../world/world.ts';
import { dialMachine } from './dial_machine.ts';
import { Dialer } from './dialer.ts';
import { KeyChanges } from './keys/key_changes.ts';
import type { UpState } from './keys/link_up.ts';
import { reachLink } from './link_reach.ts';
import { Remains, type Removal, type Undone } from './remains.ts';
import { type PendingDiscard, remainsOnHost, type StoredVm, type VmStore } from './vm_store.ts';
import { linkView } from './vm_view.ts';
import { WaitingLink } from './waiting_link.ts';

export interface MachinesParts {
  readonly world: World;
  readonly store: VmStore;
  readonly trust: TrustStore;
  readonly tokens: PairingTokens;
  readonly keys: OwnKeys;
  readonly buildId: string;
}

/** Tells this run of the daemon from earlier ones. */
const INCARNATION_BYTES = 16;

interface Machine {
  readonly link: Link;
}

/** The machines of one daemon and the links to them. */
export class Machines {
  /** What cancelled copies have left on these machines, or on the host. */
  readonly remains: Remains;
  readonly keyChanges: KeyChanges;
  readonly dialer = new Dialer();
  readonly #parts: MachinesParts;
  readonly #machines = new Map<string, Machine>();
  readonly #sessions = new Map<Mux, PeerSession>();
  readonly #hostCopies: CopyService;
  readonly #incarnation: Uint8Array;
  readonly #listeners = new Set<() => void>();
  #listenAddress: string | null = null;

  constructor(parts: MachinesParts) {
    this.#parts = parts;
    const { world, store, trust, keys } = parts;
    this.keyChanges = new KeyChanges({
      ...{ world, store, trust, keys },
      link: (name) => this.link(name),
      changed: () => this.#changed(),
    });
    this.#hostCopies = new CopyService(parts.world);
    this.#incarnation = parts.world.random.bytes(INCARNATION_BYTES);
    this.remains = new Remains({
      clock: parts.world.clock,
      store: parts.store,
      reach: (vm, { onHost }, signal) =>
        onHost === true ? Promise.resolve() : reachLink(this.link(vm), signal),
      remove: (vm, pending, signal) => this.#removeRemains(vm, pending, signal),
    });
  }

  /** Starts the links of all known machines. */
  startAll(): void {
    for (const vm of this.#parts.store.all()) this.#start(vm);
  }

  /** Where agents can dial in, for messages. */
  listening(address: string | null): void {
    this.#listenAddress = address;
  }

  /** Calls `listener` after each change of a link and each removal of a machine. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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
    // one that is being removed has no link any more
    const vms = this.#parts.store.all().filter(({ name }) => this.#machines.has(name));
    return vms.map((vm) => this.view(vm.name));
  }

  view(name: string): VmView {
    const vm = this.#parts.store.get(name);
    if (!vm) throw unknown(name);
    const { clock } = this.#parts.world;
    return { ...linkView(vm, this.link(name).state, clock), ...this.keyChanges.view(vm) };
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
    if (endpoint.kind === 'ssh') sshArgv(endpoint, ''); // refuses options that are not passed on
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
    this.#changed();
    return this.view(name);
  }

  /** Beside other machines, where copies share a rate; 1 for one that is not known (any more). */
  weightOf(name: string): number {
    return this.#parts.store.get(name)?.weight ?? 1;
  }

  /** Changes what is given; copies that run follow at once. CW_VM_UNKNOWN, CW_DISK_*. */
  async set(name: string, { weight }: SetVmRequest): Promise<VmView> {
    this.link(name);
    if (weight !== undefined) await this.#parts.store.change(name, { weight });
    this.#changed();
    return this.view(name);
  }

  async remove(name: string): Promise<void> {
    const link = this.link(name);
    this.#machines.delete(name);
    await this.remains.forget(name);
    await link.close();
    await this.#parts.trust.unpin(name);
    await this.#parts.store.remove(name);
    this.#changed();
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
    const { keys, tokens } = this.#parts;
    const { fingerprint } = keys.current;
    const addresses = request.addresses.length > 0 ? request.addresses : [this.#listenAddress];
    const issued = await tokens.issue({ name, addresses, fingerprint });
    return { token: issued.text, expiresAtMs: issued.info.expiresAtMs, fingerprint };
  }

  /** A machine's agent has dialled in; `name` is the one it was paired under. */
  async arrived(name: string, link: Link): Promise<void> {
    const machine = this.#machines.get(name);
    if (machine && machine.link instanceof WaitingLink) return machine.link.replace(link);
    await link.close(); // the machine was removed, or is reached in another way now
  }

  /** Has removed what a cancelled copy left; the promise inside tells how that ends. */
  discard(
    request: StartJobRequest,
    transferId: Uint8Array,
    jobId: string,
  ): Promise<{ readonly settled: Promise<Removal> }> {
    const { vm, destination } = request;
    const onHost = remainsOnHost(request);
    return this.remains.add(vm, { transferId: toHex(transferId), destination, onHost, jobId });
  }

  /** Has a copy undone; the promise inside tells what that did, and may take as long as the machine is away. */
  undo(
    request: StartJobRequest,
    ids: { readonly transferId: Uint8Array; readonly undoId: Uint8Array; readonly jobId: string },
  ): Promise<{ readonly settled: Promise<Removal> }> {
    const { vm, destination } = request;
    const transferId = toHex(ids.transferId);
    const undoId = toHex(ids.undoId);
    const onHost = remainsOnHost(request);
    return this.remains.add(vm, { transferId, destination, onHost, jobId: ids.jobId, undoId });
  }

  async close(): Promise<void> {
    await this.keyChanges.close();
    await this.remains.close();
    await Promise.all([...this.#machines.values()].map(({ link }) => link.close()));
    this.#machines.clear();
  }

  async #undo(
    name: string,
    pending: PendingDiscard & { readonly undoId: string },
    signal: AbortSignal,
  ): Promise<UndoReport | null> {
    const { destination } = pending;
    const transferId = fromHex(pending.transferId);
    const undoId = fromHex(pending.undoId);
    if (pending.onHost === true)
      return orAborted(this.#hostCopies.undo(transferId, undoId, destination), signal);
    const mux = await this.link(name).ready(signal);
    return reportOf(await callRpc(mux, 'undo', { transferId, undoId, destination }, signal));
  }

  async #removeRemains(name: string, pending: PendingDiscard, signal: AbortSignal): Promise<Undone> {
    const { destination, undoId } = pending;
    if (undoId !== undefined) return this.#undo(name, { ...pending, undoId }, signal);
    const transferId = fromHex(pending.transferId);
    if (pending.onHost === true) {
      await orAborted(this.#hostCopies.discard(transferId, destination), signal);
      return undefined;
    }
    const mux = await this.link(name).ready(signal);
    await callRpc(mux, 'discard', { transferId, destination }, signal);
    return undefined;
  }

  #start(vm: StoredVm): void {
    const { world, store, keys, buildId } = this.#parts;
    const link =
      vm.endpoint.kind === 'listen'
        ? new WaitingLink(world.clock)
        : dialMachine(world, vm, {
            keys,
            stored: () => store.get(vm.name),
            buildId,
            incarnation: this.#incarnation,
            onBroken: (failure, again) => this.dialer.broke(failure, again),
            onPinned: (fingerprint) => store.change(vm.name, { fingerprint }),
          });
    this.#machines.set(vm.name, { link });
    link.onState((state) => {
      if (state.kind === 'up') this.#cameUp(vm.name, state);
      this.#changed();
    });
    if (link.state.kind === 'up') this.#cameUp(vm.name, link.state);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #cameUp(name: string, state: UpState): void {
    this.#session(state.mux);
    this.keyChanges.linked(name, state);
    const vm = this.#parts.store.get(name);
    if (!vm) return;
    if (vm.pairingSecret !== null) observed(this.#parts.store.change(name, { pairingSecret: null })); // a failure is made good at the next connect
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
