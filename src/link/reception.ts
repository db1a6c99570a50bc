import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { BoundedQueue } from '../base/queue.ts';
import { orAborted } from '../base/signal.ts';
import type { HelloSession } from '../wire/hello.ts';
import type { Conn, TlsIdentity } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { type AcceptedLink, type AcceptedOptions, AcceptedSession } from './accepted_link.ts';
import { withDeadline } from './deadline.ts';
import { LaneDesk } from './lane/lane_desk.ts';
import { LanePort } from './lane/lane_port.ts';
import type { Mux } from './mux/mux.ts';
import {
  answerDialer,
  type Greeted,
  hearDialer,
  keyName,
  type LocalSide,
  ownIdentity,
  refuse,
} from './session/handshake.ts';
import { ownerOf, ResumeRegistry } from './session/resume_registry.ts';
import { decideTrust, type TrustPolicy } from './session/trust.ts';

/** How the accepting side decides who may come in. `trust-carrier`: no TLS, everyone on the carrier is the one peer. */
export type ServeTrust =
  | { readonly kind: 'policy'; readonly policy: TrustPolicy }
  | { readonly kind: 'trust-carrier' };

export interface ReceptionSpec extends LocalSide {
  readonly trust: ServeTrust;
  /** True on a pipe with room for one peer: a new session ends the others. */
  readonly exclusive: boolean;
}

/** Turns a fresh carrier into a new link or into the new carrier of a kept one. */
export class Reception {
  readonly #world: World;
  readonly #spec: ReceptionSpec;
  readonly #registry: ResumeRegistry;
  /** Null on a pipe with room for one peer, where nothing else can arrive. */
  readonly #desk: LaneDesk | null;
  readonly #fresh = new BoundedQueue<AcceptedLink>(LIMITS.linksWaitingMax.value);

  constructor(world: World, spec: ReceptionSpec) {
    this.#world = world;
    this.#spec = spec;
    this.#registry = new ResumeRegistry(world.clock);
    this.#desk = spec.exclusive || !world.lanes ? null : new LaneDesk(world.random);
  }

  /** The next new link; CW_LINK_CLOSED once the reception is closed. */
  async next(signal: AbortSignal): Promise<AcceptedLink> {
    for (;;) {
      const link = await this.#pull(signal);
      if (link === null) throw new CausewayError('CW_LINK_CLOSED', 'no more links are accepted');
      if (link.state.kind !== 'closed') return link;
    }
  }

  /** A link that arrives for a caller who has given up goes to the next caller. */
  async #pull(signal: AbortSignal): Promise<AcceptedLink | null> {
    const pulled = this.#fresh.pull();
    try {
      return await orAborted(pulled, signal);
    } catch (failure) {
      pulled.then((link) => this.#putBack(link));
      throw failure;
    }
  }

  #putBack(link: AcceptedLink | null): void {
    if (link !== null && !this.#fresh.tryPush(link)) void link.close();
  }

  /**
   * The whole handshake. Owns `raw`. Resolves with the session that uses the carrier now, null where it is the connection
   * of a lane; throws what it refused with.
   */
  async admit(raw: Conn, signal: AbortSignal): Promise<AcceptedSession | null> {
    const trustCarrier = this.#spec.trust.kind === 'trust-carrier';
    const side = { ...this.#spec, trustCarrier };
    try {
      const greeted = await this.#within(raw, signal, async () =>
        (await this.#desk?.take(raw)) ? null : hearDialer(this.#world, raw, side),
      );
      if (greeted === null) return null;
      return await this.#enter(greeted, raw, signal);
    } catch (failure) {
      await raw.close();
      throw failure;
    }
  }

  async closeAll(error: CausewayError): Promise<void> {
    this.#fresh.close();
    await this.#registry.closeAll(error);
  }

  async #enter(greeted: Greeted, raw: Conn, signal: AbortSignal): Promise<AcceptedSession> {
    const { known, options } = await this.#judged(greeted, raw, signal);
    if (known !== null) return this.#resume(known, greeted, raw, signal);
    await this.#answer(greeted, { resume: false, receivedBytes: 0 }, raw, signal);
    return this.#begin(greeted, options);
  }

  /** Decides whether the peer may come in, and to which kept session; tells it where it may not. */
  async #judged(
    greeted: Greeted,
    raw: Conn,
    signal: AbortSignal,
  ): Promise<{ readonly known: AcceptedSession | null; readonly options: AcceptedOptions }> {
    try {
      const options = await this.#decide(greeted);
      const { fingerprint } = greeted.conn.peer;
      const owner = ownerOf({ id: options.id, fingerprint });
      const { id, resume, incarnation } = greeted.peer.session;
      await this.#registry.heardOf(owner, incarnation);
      const known = this.#registry.find(owner, id);
      if (known !== null && resume) return { known, options };
      await this.#makeRoom(known, owner);
      return { known: null, options };
    } catch (failure) {
      // a peer that does not even take the refusal changes nothing: the reason is reported here either way
      const refusing = () => refuse(this.#world.clock, greeted.conn, failure);
      await this.#within(raw, signal, refusing).catch(() => undefined);
      throw failure;
    }
  }

  async #decide(greeted: Greeted): Promise<AcceptedOptions> {
    const { trust } = this.#spec;
    if (trust.kind === 'trust-carrier') return { id: null, newlyPinned: false };
    const { fingerprint, ownFingerprint } = greeted.conn.peer;
    const ends = { dialer: fingerprint as string, acceptor: ownFingerprint as string };
    const { proof, who } = greeted.peer;
    const { peerId, newlyPinned } = await decideTrust(trust.policy, { ends, proof, hostName: who.hostName });
    return { id: peerId, newlyPinned };
  }

  async #resume(
    known: AcceptedSession,
    greeted: Greeted,
    raw: Conn,
    signal: AbortSignal,
  ): Promise<AcceptedSession> {
    const receivedBytes = known.suspend();
    await this.#answer(greeted, { resume: true, receivedBytes }, raw, signal);
    if (known.attached)
      throw new CausewayError('CW_LINK_BUSY', 'another connection has resumed this session meanwhile');
    await known.resume(greeted);
    return known;
  }

  /** A dialler that starts anew under a known id has never heard of the first start: its answer was lost. */
  async #makeRoom(known: AcceptedSession | null, owner: string | null): Promise<void> {
    const replaced = new CausewayError('CW_LINK_SESSION_LOST', 'the other side has begun a new session');
    await known?.end(replaced);
    if (this.#spec.exclusive) await this.#registry.closeAll(replaced);
    if (this.#registry.countAttached(owner) >= LIMITS.linksPerPeerMax.value) {
      throw new CausewayError('CW_LINK_BUSY', `this peer has ${LIMITS.linksPerPeerMax.value} links already`);
    }
    if (this.#fresh.size >= LIMITS.linksWaitingMax.value) {
      throw new CausewayError('CW_LINK_BUSY', 'too many new links wait to be served');
    }
  }

  #begin(greeted: Greeted, options: AcceptedOptions): AcceptedSession {
    const session = new AcceptedSession(this.#world.clock, greeted, options, (mux) => this.#lanesBeside(mux));
    this.#registry.add(session);
    if (!this.#fresh.tryPush(session)) {
      void session.end(new CausewayError('CW_LINK_BUSY', 'too many new links wait to be served'));
    }
    return session;
  }

  #lanesBeside(mux: Mux): LanePort | null {
    const desk = this.#desk;
    if (desk === null) return null;
    const identity = (fingerprint: string) => this.#ownKey(fingerprint);
    return new LanePort({ world: this.#world, peer: () => mux.stats.peer, dial: null, desk, identity });
  }

  /** The one of this side's keys that a peer has seen. */
  #ownKey(fingerprint: string): TlsIdentity | null {
    const current = ownIdentity(this.#spec);
    if (current.fingerprint === fingerprint) return current;
    const named = this.#spec.identityNamed?.(keyName(fingerprint)) ?? null;
    return named?.fingerprint === fingerprint ? named : null;
  }

  async #answer(
    greeted: Greeted,
    session: Pick<HelloSession, 'resume' | 'receivedBytes'>,
    raw: Conn,
    signal: AbortSignal,
  ): Promise<void> {
    const whole: HelloSession = { ...session, id: greeted.peer.session.id };
    await this.#within(raw, signal, () => answerDialer(this.#world, greeted, this.#spec.buildId, whole));
  }

  #within<T>(raw: Conn, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const what = `${raw.peer.description} did not finish the handshake in time`;
    const { handshakeTimeoutMs: timeoutMs = LIMITS.handshakeTimeoutMs.value } = this.#spec;
    return withDeadline(
      { clock: this.#world.clock, timeoutMs, what, signal, abandon: () => raw.close() },
      work,
    );
  }
}
