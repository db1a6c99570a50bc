import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Hello, SESSION_ID_BYTES } from '../wire/hello.ts';
import type { Conn } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { Backoff } from './backoff.ts';
import { syncAsHost } from './carriers/serial.ts';
import { type Channel, openChannel } from './channel.ts';
import { withDeadline } from './deadline.ts';
import { LanePort } from './lane/lane_port.ts';
import type { Link, LinkState, Reached } from './link.ts';
import { LinkStates } from './link_states.ts';
import type { Mux } from './mux/mux.ts';
import { reachedByFailedDial, reachedByFailedGreeting } from './reached.ts';
import { DialedSession } from './session/dialed_session.ts';
import { type Greeted, greetAsDialer, type LocalSide } from './session/handshake.ts';
import { peerHello } from './session/peer_hello.ts';
import type { DialTrust } from './session/trust.ts';

/** One side's wish to be connected to one peer. */
export interface DialSpec extends LocalSide {
  readonly channel: Channel;
  readonly trust: DialTrust;
  /** True for the host's side of a serial port: the preamble is spoken before anything else. */
  readonly serial?: boolean;
  /** For the handshake, where the carrier itself has to be set up in that time (default: LIMITS.handshakeTimeoutMs). */
  readonly handshakeTimeoutMs?: number;
  /** The longest wait between attempts, where each of them is a burden for the peer (default: LIMITS.reconnectMaxMs). */
  readonly reconnectMaxMs?: number;
  /** A key that the acceptor is about to change to; asked for each connection anew. */
  readonly nextFingerprint?: () => string | null;
  /** The loop that connects has ended by itself, which it should not; `again` lets it go on. Absent: an unhandled failure. */
  readonly onBroken?: (failure: unknown, again: () => void) => void;
  /**
   * 16 bytes, drawn once by this process (with its worker threads) and given to all its links: lets the peer drop what an
   * earlier process of this device left behind at once.
   */
  readonly incarnation?: Uint8Array;
}

/**
 * Connects, and connects again for ever, with back-off, until closed or refused for good. The first connect and every
 * later one are the same code: dial, preamble, TLS, hello, then a resumed or a new session.
 */
export function dialLink(world: World, spec: DialSpec): Link {
  return new DialedLink(world, spec);
}

class DialedLink implements Link {
  readonly #world: World;
  readonly #spec: DialSpec;
  readonly #states: LinkStates;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #running: Promise<void>;
  #trust: DialTrust;
  #session: DialedSession | null = null;
  #sessionId: Uint8Array;
  #attempt = 0;
  #carrier: Conn | null = null;
  #reached: Reached | null = null;

  constructor(world: World, spec: DialSpec) {
    this.#world = world;
    this.#spec = spec;
    this.#trust = spec.trust;
    this.#backoff = new Backoff(world.random, spec.reconnectMaxMs);
    this.#sessionId = world.random.bytes(SESSION_ID_BYTES);
    this.#states = new LinkStates(this.#waiting(null));
    this.#running = this.#keep();
  }

  get state(): LinkState {
    return this.#states.current;
  }

  ready(signal: AbortSignal): Promise<Mux> {
    return this.#states.ready(signal);
  }

  onState(listener: (state: LinkState) => void): () => void {
    return this.#states.onState(listener);
  }

  renew(): void {
    void this.#carrier?.close(); // its end is noticed, and the next carrier is dialled
  }

  async close(): Promise<void> {
    this.#stop.abort(new CausewayError('CW_LINK_CLOSED', 'the link was closed by this side'));
    await this.#running;
    this.#states.set({ kind: 'closed' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #keep(): Promise<void> {
    try {
      await this.#run();
    } catch (failure) {
      const { onBroken } = this.#spec;
      if (onBroken === undefined) throw failure;
      this.#states.set(this.#waiting(asCausewayError(failure)));
      onBroken(failure, () => {
        if (!this.#stop.signal.aborted) this.#running = this.#keep();
      });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const failure = await this.#once();
      if (signal.aborted) break;
      if (failure.next === 'never' || failure.next === 'fatal') {
        await this.#session?.end(failure);
        this.#states.set({ kind: 'failed', error: failure, sinceMs: this.#now() });
        return;
      }
      this.#states.set(this.#waiting(failure));
      await this.#world.clock.sleep(this.#backoff.nextMs(), signal).catch(() => undefined); // closed: the loop ends
    }
    await this.#session?.end(new CausewayError('CW_LINK_CLOSED', 'the link was closed'));
  }

  /** One carrier from dialling to its loss; gives the reason why there is none now. */
  async #once(): Promise<CausewayError> {
    try {
      this.#attempt += 1;
      const { session, raw } = await this.#connect();
      const upSinceMs = this.#world.clock.monotonicMs();
      const startBytes = session.receivedBytes;
      const failure = await session.untilLost(this.#stop.signal);
      if (!session.isClosed) await raw.close(); // a serial port has room for one: the next attempt waits for this
      const upMs = this.#world.clock.monotonicMs() - upSinceMs;
      if (session.receivedBytes > startBytes || upMs > LIMITS.reconnectMaxMs.value) this.#backoff.reset();
      return failure;
    } catch (failure) {
      return asCausewayError(failure);
    } finally {
      this.#carrier = null;
    }
  }

  async #connect(): Promise<{ readonly session: DialedSession; readonly raw: Conn }> {
    if (this.#session?.isClosed) this.#session = null;
    this.#states.set(this.#waiting(lastErrorOf(this.#states.current)));
    const raw = await this.#open();
    try {
      const conn = this.#spec.serial ? await this.#synced(raw) : raw;
      const what = `${raw.peer.description} did not finish the handshake in time`;
      const { handshakeTimeoutMs: timeoutMs = LIMITS.handshakeTimeoutMs.value } = this.#spec;
      const greeted = await this.#within(raw, { what, timeoutMs }, () => this.#greet(conn));
      return { session: await this.#adopt(greeted), raw };
    } catch (failure) {
      this.#reached = reachedByFailedGreeting(this.#reached, asCausewayError(failure));
      await raw.close();
      throw failure;
    }
  }

  async #open(): Promise<Conn> {
    try {
      const raw = await openChannel(this.#world.net, this.#spec.channel, this.#stop.signal);
      this.#reached = this.#spec.serial ? 'port' : 'silent';
      this.#states.refine(this.#waiting(lastErrorOf(this.#states.current)));
      return raw;
    } catch (failure) {
      this.#reached = reachedByFailedDial(asCausewayError(failure));
      throw failure;
    }
  }

  #synced(raw: Conn): Promise<Conn> {
    const what =
      'nothing answers on the serial port: the agent does not run, or another program holds the port';
    const timeoutMs = LIMITS.connectTimeoutMs.value;
    return this.#within(raw, { what, timeoutMs }, () => syncAsHost(raw, this.#world));
  }

  #within<T>(raw: Conn, limit: { what: string; timeoutMs: number }, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#world;
    return withDeadline({ ...limit, clock, signal: this.#stop.signal, abandon: () => raw.close() }, work);
  }

  #greet(conn: Conn): Promise<Greeted> {
    const { incarnation } = this.#spec;
    const receivedBytes = this.#session?.suspend() ?? 0;
    const resume = this.#session !== null;
    const session = { id: this.#sessionId, resume, receivedBytes, incarnation };
    return greetAsDialer(this.#world, conn, { ...this.#spec, trust: this.#trustNow(), session });
  }

  #trustNow(): DialTrust {
    const nextFingerprint = this.#spec.nextFingerprint?.() ?? null;
    return this.#trust.kind === 'trust-carrier' ? this.#trust : { ...this.#trust, nextFingerprint };
  }

  /** Gives the carrier to the session that both sides agreed on and declares the link up. */
  async #adopt(greeted: Greeted): Promise<DialedSession> {
    await this.#remember(greeted.conn.peer.fingerprint);
    const session = await this.#sessionFor(greeted);
    const peer = peerHello(greeted, greeted.conn.peer.tlsGroup);
    session.mux.lanes ??= this.#lanesBeside(session.mux);
    this.#attempt = 0;
    this.#reached = null;
    this.#carrier = greeted.conn;
    this.#states.set({ kind: 'up', mux: session.mux, peer, sinceMs: this.#now() });
    return session;
  }

  /** Null where the carrier is no socket to an address: a serial port has room for one connection. */
  #lanesBeside(mux: Mux): LanePort | null {
    const { channel, serial } = this.#spec;
    const isAddress = typeof channel !== 'function' && (channel.kind === 'tcp' || channel.kind === 'unix');
    if (!this.#world.lanes || !isAddress || serial) return null;
    return new LanePort({
      world: this.#world,
      peer: () => mux.stats.peer,
      dial: (signal) => openChannel(this.#world.net, channel, signal),
      desk: null,
      identity: () => null,
    });
  }

  async #sessionFor(greeted: Greeted): Promise<DialedSession> {
    const kept = this.#session;
    if (kept !== null && greeted.peer.session.resume) {
      await kept.resume(greeted);
      return kept;
    }
    await this.#forget(greeted.peer);
    const fresh = DialedSession.start(this.#world.clock, this.#sessionId, greeted);
    this.#session = fresh;
    return fresh;
  }

  /** The peer does not know the session: what ran on it is over. */
  async #forget(peer: Hello): Promise<void> {
    const lost = new CausewayError(
      'CW_LINK_SESSION_LOST',
      `${peer.who.hostName} has no memory of the session`,
    );
    await this.#session?.end(lost);
    this.#session = null;
  }

  /** First contact is over: the key is pinned, the one-time secret is not offered again. */
  async #remember(fingerprint: string | null): Promise<void> {
    if (fingerprint === null || this.#trust.kind === 'trust-carrier') return;
    if (this.#trust.kind === 'first-use' && this.#trust.fingerprint === null)
      await this.#trust.onPinned(fingerprint);
    this.#trust = { kind: 'pinned', fingerprint };
  }

  #waiting(lastError: CausewayError | null): LinkState {
    const session = this.#session;
    const reached = this.#reached;
    if (session !== null && !session.isClosed) {
      const sinceMs = this.#since('interrupted');
      return { kind: 'interrupted', mux: session.mux, lastError, sinceMs, reached };
    }
    const sinceMs = this.#since('connecting');
    return { kind: 'connecting', attempt: this.#attempt, lastError, sinceMs, reached };
  }

  /** When the link came into that kind of state: now, unless it is in it. */
  #since(kind: 'interrupted' | 'connecting'): number {
    const current = this.#states?.current;
    return current?.kind === kind ? current.sinceMs : this.#now();
  }

  #now(): number {
    return this.#world.clock.wallMs();
  }
}

function lastErrorOf(state: LinkState): CausewayError | null {
  return 'lastError' in state ? state.lastError : null;
}
