import { type Integrity, Session } from '../../src/link/session/session.ts';
import type { Clock } from '../../src/world/clock.ts';
import type { Conn } from '../../src/world/net.ts';

export interface WorldPairOptions {
  readonly clocks: readonly [Clock, Clock];
  readonly integrity: Integrity;
  /** A new carrier: the end of `a` and the end of `b`. */
  dial(): Promise<readonly [Conn, Conn]>;
}

const RETRY_MS = 50;

/** Two sessions over real or simulated channels; whenever a carrier is lost the next one is dialled. */
export class WorldPair {
  readonly a: Session;
  readonly b: Session;
  /** Carriers after the first one. */
  reconnects = -1;
  readonly #options: WorldPairOptions;
  #connecting: Promise<void> | null = null;
  #closed = false;

  constructor(options: WorldPairOptions) {
    this.#options = options;
    const id = new Uint8Array(16);
    const [aClock, bClock] = options.clocks;
    this.a = new Session({ id, clock: aClock });
    this.b = new Session({ id, clock: bClock });
    for (const session of [this.a, this.b]) {
      session.onDetached(() => void this.connect());
      void session.closed.then(() => {
        this.#closed = true;
      });
    }
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Resolves when no attempt to connect is under way. */
  async settled(): Promise<void> {
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    this.reconnects += 1;
    this.a.detach();
    this.b.detach();
    while (!this.#closed) {
      let conns: readonly Conn[] = [];
      try {
        const [left, right] = await this.#options.dial();
        conns = [left, right];
        const [aHas, bHas] = [this.a.receivedBytes, this.b.receivedBytes];
        this.a.attach(left, bHas, this.#options.integrity);
        this.b.attach(right, aHas, this.#options.integrity);
        return;
      } catch {
        // refused or cut at once: the next attempt may do better
        await Promise.all(conns.map((conn) => conn.close()));
        await this.#options.clocks[0].sleep(RETRY_MS);
      }
    }
  }
}
