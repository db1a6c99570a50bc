import { observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { forEachAtOnce } from '../../base/parallel.ts';
import type { KeyRotationView, VmKeyView } from '../../contract/machine_schemas.ts';
import type { VmView } from '../../contract/schemas.ts';
import type { Link } from '../../link/link.ts';
import type { Mux } from '../../link/mux/mux.ts';
import { callRpc } from '../../link/rpc.ts';
import { checkKeyChange, proveKeyChange } from '../../link/session/key_change.ts';
import type { OwnKeys } from '../../link/session/own_keys.ts';
import type { TrustStore } from '../../link/session/trust_store.ts';
import type { CborMap } from '../../wire/cbor_value.ts';
import { boolean, bytes } from '../../wire/fields.ts';
import { KEY_NONCE_BYTES } from '../../wire/key_change.ts';
import type { World } from '../../world/world.ts';
import { retryWaitMs } from '../retry.ts';
import type { StoredVm, VmStore } from '../vm_store.ts';
import { within } from '../within.ts';
import { AgentPins } from './agent_pins.ts';
import { linkedAnew, type UpState, upState } from './link_up.ts';

export interface KeyChangesParts {
  readonly world: World;
  readonly keys: OwnKeys;
  readonly store: VmStore;
  readonly trust: TrustStore;
  /** CW_VM_UNKNOWN. */
  readonly link: (name: string) => Link;
  readonly changed: () => void;
}

const TOLD_AT_ONCE = 16;
const WAITS = { minMs: LIMITS.partRestartMinMs.value, maxMs: LIMITS.partRestartMaxMs.value };
type Told = KeyRotationView['machines'][number];

/**
 * Changes of keys. Whoever is told of a new key trusts it beside the former one before its owner shows it, and drops the
 * former one once it has seen the new one: at no moment is there a pair that cannot be linked. What a crash or a loss of
 * the link leaves half done is finished when the link is up again.
 */
export class KeyChanges {
  readonly pins: AgentPins;
  readonly #parts: KeyChangesParts;
  readonly #stop = new AbortController();
  /** One change after the other of each machine. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #ownTurn: Promise<unknown> = Promise.resolve();
  /** Keys of this host that a machine is being told of. */
  readonly #offered = new Map<string, string>();

  constructor(parts: KeyChangesParts) {
    this.#parts = parts;
    this.pins = new AgentPins(parts.store, parts.trust);
  }

  view({ name, trustCarrier, hostKey }: StoredVm): Pick<VmView, 'hostKey' | 'nextFingerprint'> {
    if (trustCarrier) return { hostKey: null, nextFingerprint: null };
    const { keys } = this.#parts;
    const { fingerprint } = keys.of(hostKey);
    const isCurrent = fingerprint === keys.current.fingerprint;
    const shown = { fingerprint, isCurrent, untilMs: keys.untilMs(fingerprint) };
    return { hostKey: shown, nextFingerprint: this.pins.next(name) };
  }

  /** For a machine that dials in and does not say which key it knows: the oldest one that such a machine still knows. */
  oldestKnown(): ReturnType<OwnKeys['of']> {
    const { keys, store } = this.#parts;
    const dialIn = store.all().filter(({ endpoint }) => endpoint.kind === 'listen');
    const oldest = keys.former.findLast(({ identity }) =>
      dialIn.some(({ hostKey }) => hostKey === identity.fingerprint),
    );
    return oldest?.identity ?? keys.current;
  }

  /** Has the agent of a machine change its key. CW_VM_UNKNOWN, CW_VM_OFFLINE, CW_PAIR_FIXED, CW_PAIR_PROOF, CW_DISK_*. */
  rotateVm(name: string): Promise<VmKeyView> {
    return this.#inTurn(name, async () => {
      const { mux, peer } = await this.#soonPresent(name);
      const from = peer.fingerprint;
      if (from === null)
        throw new CausewayError('CW_PAIR_FIXED', `the link to ${name} has no keys (--trust-carrier)`);
      const { identities, random, clock } = this.#parts.world;
      const nonce = random.bytes(KEY_NONCE_BYTES);
      const told = await this.#ask(name, mux, 'agentKeyMake', { nonce });
      const about = { owner: 'agent', from, peer: peer.ownFingerprint ?? '', nonce } as const;
      const to = checkKeyChange(identities, told, about);
      await this.pins.expect(name, { from, to });
      this.#parts.changed();
      const limitMs = LIMITS.keyChangeMs.value;
      const isUsed = await within(
        clock,
        limitMs,
        (signal) => this.#finish(name, to, signal),
        this.#stop.signal,
      ).catch((failure) => {
        throw new CausewayError(
          'CW_VM_OFFLINE',
          `${name} has not come back with its new key: both are trusted until it does (${asCausewayError(failure).message})`,
        );
      });
      if (!isUsed) throw new CausewayError('CW_PAIR_PROOF', `${name} has not kept the key that it made`);
      return { name, from, to };
    });
  }

  /** Changes the key of this host and tells the machines that are linked; the others when they are. CW_LIMIT, CW_DISK_*. */
  rotateOwn(): Promise<KeyRotationView> {
    const rotation = this.#ownTurn.then(async () => {
      const { keys, store } = this.#parts;
      const from = keys.current.fingerprint;
      // before the key is changed: from then on each machine is shown the one that it knows
      await store.changeAll(({ hostKey }) => (hostKey === undefined ? { hostKey: from } : null));
      await this.#forgetFormer();
      await keys.rotate();
      const to = keys.current.fingerprint;
      const told: Told[] = [];
      const names = store.all().map(({ name }) => name);
      await forEachAtOnce(names, TOLD_AT_ONCE, async (name) => {
        told.push(await this.#inTurn(name, () => this.#told(name)));
      });
      this.#parts.changed();
      const machines = told.sort((a, b) => (a.name < b.name ? -1 : 1));
      return { from, to, formerUntilMs: keys.untilMs(from), machines };
    });
    this.#ownTurn = rotation.catch(() => undefined); // its caller learns of the failure
    return rotation;
  }

  /** A link is up, for the first time or again. */
  linked(name: string, { peer }: UpState): void {
    const { fingerprint, ownFingerprint } = peer;
    if (fingerprint === null || ownFingerprint === null) return;
    if (this.pins.next(name) === fingerprint)
      observed(this.pins.seen(name, fingerprint).then(() => this.#parts.changed()));
    const isPending = this.pins.next(name) !== null && this.pins.next(name) !== fingerprint;
    const { current } = this.#parts.keys;
    const { hostKey = current.fingerprint } = this.#parts.store.get(name) ?? {};
    // one that dials in may know the present key, and this host not that it does
    const isFormer = ownFingerprint !== current.fingerprint || hostKey !== current.fingerprint;
    if (isPending) void this.#untilDone(name, () => this.#finishLater(name));
    if (isFormer) void this.#untilDone(name, () => this.#tell(name));
  }

  async close(): Promise<void> {
    this.#stop.abort(new CausewayError('CW_LINK_CLOSED', 'the daemon is being stopped'));
    await Promise.all([this.#ownTurn, ...this.#turns.values()]);
  }

  /**
   * Tries again at growing distances while this link is up: the other side may be short of space, for example. Another link
   * brings its own tries.
   */
  async #untilDone(name: string, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#parts.world;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#inTurn(name, work);
      } catch (failure) {
        if (asCausewayError(failure).code === 'CW_PAIR_FIXED') return; // not before it has another agent
      }
      await clock.sleep(retryWaitMs(failures, WAITS), this.#stop.signal).catch(() => undefined); // the end
      if (this.#stop.signal.aborted || !this.#isUp(name)) return;
    }
  }

  #isUp(name: string): boolean {
    try {
      return this.#parts.link(name).state.kind === 'up';
    } catch {
      return false; // the machine was removed
    }
  }

  /** A change of an earlier run, or of one that was cut. */
  async #finishLater(name: string): Promise<void> {
    const to = this.pins.next(name);
    if (to === null) return;
    const { clock } = this.#parts.world;
    const limitMs = LIMITS.keyChangeMs.value;
    await within(clock, limitMs, (signal) => this.#finish(name, to, signal), this.#stop.signal);
  }

  /** Until the link is up with the key that follows. False where the agent has no such key. */
  async #finish(name: string, to: string, signal: AbortSignal): Promise<boolean> {
    const link = this.#parts.link(name);
    for (;;) {
      const state = await upState(link, signal);
      if (state.peer.fingerprint === to) {
        await this.pins.seen(name, to);
        this.#parts.changed();
        return true;
      }
      const isUsed = await this.#used(state.mux, to, signal);
      if (isUsed === false) {
        await this.pins.forget(name);
        this.#parts.changed();
        return false;
      }
      const anew = linkedAnew(link, state, signal);
      if (isUsed) link.renew();
      await anew;
    }
  }

  /** Null where the answer was lost: the key that the agent shows next tells. */
  async #used(mux: Mux, fingerprint: string, signal: AbortSignal): Promise<boolean | null> {
    try {
      return boolean(await callRpc(mux, 'agentKeyUse', { fingerprint }, signal), 'isUsed');
    } catch (failure) {
      if (asCausewayError(failure).code.startsWith('CW_LINK_')) return null;
      throw failure;
    }
  }

  /** Tells a machine of the present key of this host. Never throws. */
  async #told(name: string): Promise<Told> {
    const vm = this.#parts.store.get(name);
    try {
      if (vm === undefined || vm.trustCarrier) return { name, state: 'no-keys', error: null };
      if (this.#parts.link(name).state.kind !== 'up') return { name, state: 'away', error: null };
      await this.#tell(name);
      return { name, state: 'told', error: null };
    } catch (failure) {
      const error = asCausewayError(failure);
      const state = error.code === 'CW_PAIR_FIXED' ? 'too-old' : 'failed';
      return { name, state, error: error.report() };
    }
  }

  async #tell(name: string): Promise<void> {
    const { world, keys, store } = this.#parts;
    const { mux, peer } = this.#present(name);
    const to = keys.current;
    const from = keys.of(peer.ownFingerprint);
    this.#offered.set(name, to.fingerprint);
    try {
      if (from.fingerprint !== to.fingerprint) {
        const nonce = bytes(await this.#ask(name, mux, 'hostKeyAsk', {}), 'nonce', KEY_NONCE_BYTES);
        const about = { owner: 'host', peer: peer.fingerprint ?? '', nonce } as const;
        await this.#ask(name, mux, 'hostKeyTake', proveKeyChange(world.identities, { from, to }, about));
      }
      // it trusts both now, and the former one no more once it has seen this one
      await store.change(name, { hostKey: to.fingerprint });
    } finally {
      this.#offered.delete(name);
    }
    await this.#forgetFormer();
    this.#parts.changed();
    if (from.fingerprint !== to.fingerprint) this.#parts.link(name).renew();
  }

  /** A former key that no machine has to be shown is only something to steal. */
  #forgetFormer(): Promise<void> {
    const { keys, store } = this.#parts;
    const isKnown = (fingerprint: string) => store.all().some(({ hostKey }) => hostKey === fingerprint);
    return keys.forget((one) => isKnown(one) || [...this.#offered.values()].includes(one));
  }

  /** CW_PAIR_FIXED where the agent does not know what it is asked. */
  async #ask(name: string, mux: Mux, method: string, params: CborMap): Promise<CborMap> {
    const { clock } = this.#parts.world;
    const limitMs = LIMITS.keyChangeMs.value;
    try {
      return await within(
        clock,
        limitMs,
        (signal) => callRpc(mux, method, params, signal),
        this.#stop.signal,
      );
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_UNSUPPORTED') throw error;
      throw new CausewayError(
        'CW_PAIR_FIXED',
        `the agent of ${name} is of a version that knows nothing of changes of keys: \`causeway vm update ${name}\``,
      );
    }
  }

  /** The same; a link that is being made anew, as after a change of keys, is waited for. */
  async #soonPresent(name: string): Promise<UpState> {
    const link = this.#parts.link(name);
    if (link.state.kind !== 'interrupted') return this.#present(name);
    const limitMs = LIMITS.handshakeTimeoutMs.value;
    const { clock } = this.#parts.world;
    await within(clock, limitMs, (signal) => upState(link, signal), this.#stop.signal).catch(() => undefined); // told below
    return this.#present(name);
  }

  /** CW_VM_UNKNOWN, CW_VM_OFFLINE. */
  #present(name: string): UpState {
    const { state } = this.#parts.link(name);
    if (state.kind === 'up') return state;
    throw new CausewayError('CW_VM_OFFLINE', `${name} is not linked: it is ${state.kind}`);
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const done = turn.catch(() => undefined); // its caller learns of the failure
    this.#turns.set(name, done);
    void done.then(() => {
      if (this.#turns.get(name) === done) this.#turns.delete(name);
    });
    return turn;
  }
}
