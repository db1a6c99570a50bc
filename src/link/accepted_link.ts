import { type Deferred, deferred } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';
import type { LanePort } from './lane/lane_port.ts';
import type { Link, LinkState, PeerHello } from './link.ts';
import { LinkStates } from './link_states.ts';
import { createMux } from './mux/create_mux.ts';
import type { Mux } from './mux/mux.ts';
import type { Greeted } from './session/handshake.ts';
import { peerHello } from './session/peer_hello.ts';
import { Session } from './session/session.ts';

/** Who is at the other end of an accepted link. */
export interface AcceptedPeer {
  /** What the trust policy calls this key; null on a trusted carrier, which proves no identity. */
  readonly id: string | null;
  readonly fingerprint: string | null;
  /** True where the connection that began this link made the key known. */
  readonly newlyPinned: boolean;
  readonly hello: PeerHello;
}

/** A link that the peer dialled. It is `interrupted` while the peer may still come back, then `closed`; it never dials. */
export interface AcceptedLink extends Link {
  readonly peer: AcceptedPeer;
}

export interface AcceptedOptions {
  readonly id: string | null;
  readonly newlyPinned: boolean;
}

/** A session that a peer started here, through several carriers. */
export class AcceptedSession implements AcceptedLink {
  readonly peer: AcceptedPeer;
  readonly sessionId: Uint8Array;
  readonly incarnation: Uint8Array | undefined;
  readonly #session: Session;
  readonly #mux: Mux;
  readonly #states: LinkStates;
  readonly #clock: Clock;
  #hello: PeerHello;
  #carrierGone: Deferred<void> = deferred();

  /** `lanesBeside` gives what lets lanes have connections of their own. */
  constructor(
    clock: Clock,
    greeted: Greeted,
    options: AcceptedOptions,
    lanesBeside: (mux: Mux) => LanePort | null = () => null,
  ) {
    const { id, incarnation } = greeted.peer.session;
    this.#clock = clock;
    this.sessionId = id;
    this.incarnation = incarnation;
    this.#hello = peerHello(greeted, greeted.peer.who.tlsGroup);
    this.peer = { ...options, fingerprint: this.#hello.fingerprint, hello: this.#hello };
    this.#session = new Session({ id, clock });
    this.#session.attach(greeted.conn, 0, greeted.integrity);
    this.#mux = createMux(this.#session, { dialer: false, clock });
    this.#mux.lanes = lanesBeside(this.#mux);
    this.#states = new LinkStates(this.#up());
    this.#session.onDetached((error) => this.#interrupted(error));
    this.#session.closed.then(() => this.#ended());
  }

  get state(): LinkState {
    return this.#states.current;
  }

  /** False while no carrier is there. */
  get attached(): boolean {
    return this.#session.attached;
  }

  /** Resolves when the present carrier is not used any more. */
  get carrierGone(): Promise<void> {
    return this.#carrierGone.promise;
  }

  ready(signal: AbortSignal): Promise<Mux> {
    return this.#states.ready(signal);
  }

  onState(listener: (state: LinkState) => void): () => void {
    return this.#states.onState(listener);
  }

  /** Gives up the present carrier, so that the count of received bytes is final; gives that count. */
  suspend(): number {
    this.#session.detach();
    if (this.state.kind === 'up') this.#interrupted(null);
    return this.#session.receivedBytes;
  }

  /** Goes on with a new carrier. CW_LINK_SESSION_LOST, and the session is over, where the peer misses bytes that are gone. */
  async resume(greeted: Greeted): Promise<void> {
    this.#carrierGone = deferred();
    try {
      this.#session.attach(greeted.conn, greeted.peer.session.receivedBytes, greeted.integrity);
    } catch (failure) {
      await this.end(failure as CausewayError);
      throw failure;
    }
    this.#hello = peerHello(greeted, greeted.peer.who.tlsGroup);
    this.#states.set(this.#up());
  }

  /** The peer dials again. */
  renew(): void {
    if (this.attached) this.suspend();
  }

  async end(error: CausewayError): Promise<void> {
    await this.#mux.close(error);
    this.#ended();
  }

  close(): Promise<void> {
    return this.end(new CausewayError('CW_LINK_CLOSED', 'the link was closed'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #up(): LinkState {
    return { kind: 'up', mux: this.#mux, peer: this.#hello, sinceMs: this.#clock.wallMs() };
  }

  #interrupted(lastError: CausewayError | null): void {
    this.#states.set({ kind: 'interrupted', mux: this.#mux, lastError, sinceMs: this.#clock.wallMs() });
    this.#carrierGone.resolve();
  }

  #ended(): void {
    this.#states.set({ kind: 'closed' });
    this.#carrierGone.resolve();
  }
}
