import { type Deferred, deferred } from '../../base/deferred.ts';
import type { CausewayError } from '../../base/errors.ts';
import { orAborted } from '../../base/signal.ts';
import type { Clock } from '../../world/clock.ts';
import { createMux } from '../mux/create_mux.ts';
import type { Mux } from '../mux/mux.ts';
import type { Greeted } from './handshake.ts';
import { Session } from './session.ts';

/** A session with its mux, as the dialling side holds it through several carriers. */
export class DialedSession {
  readonly mux: Mux;
  readonly #session: Session;
  #lost: Deferred<CausewayError> = deferred();
  #closed = false;

  private constructor(session: Session, clock: Clock) {
    this.#session = session;
    this.mux = createMux(session, { dialer: true, clock });
    session.onDetached((error) => this.#lost.resolve(error));
    session.closed.then((error) => {
      this.#closed = true;
      this.#lost.resolve(error);
    });
  }

  /** A new session on its first carrier. */
  static start(clock: Clock, id: Uint8Array, greeted: Greeted): DialedSession {
    const session = new Session({ id, clock });
    session.attach(greeted.conn, greeted.peer.session.receivedBytes, greeted.integrity);
    return new DialedSession(session, clock);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get receivedBytes(): number {
    return this.#session.receivedBytes;
  }

  /** Stops using a carrier that may be left, so that the count of received bytes is final; gives that count. */
  suspend(): number {
    this.#session.detach();
    return this.#session.receivedBytes;
  }

  /** Goes on with a new carrier. CW_LINK_SESSION_LOST, and the session is over, where the peer misses bytes that are gone. */
  async resume(greeted: Greeted): Promise<void> {
    this.#lost = deferred();
    try {
      this.#session.attach(greeted.conn, greeted.peer.session.receivedBytes, greeted.integrity);
    } catch (failure) {
      await greeted.conn.close();
      await this.end(failure as CausewayError);
      throw failure;
    }
  }

  /** The reason why the current carrier, or the whole session, is gone; rejects with the signal's reason. */
  untilLost(signal: AbortSignal): Promise<CausewayError> {
    return orAborted(this.#lost.promise, signal);
  }

  async end(error: CausewayError): Promise<void> {
    await this.mux.close(error);
    this.#closed = true;
  }
}
