import { type Integrity, Session } from '../../src/link/session/session.ts';
import type { Conn, Listener, TlsIdentity } from '../../src/world/net.ts';
import type { World } from '../../src/world/world.ts';
import { DIAL } from '../conformance/pair.ts';

/** Two sessions of one process over the channels of a world; whenever a carrier is lost the next one is dialled. */
export class WorldPair {
  readonly a: Session;
  readonly b: Session;
  /** Carriers after the first one. */
  reconnects = -1;
  readonly #world: World;
  readonly #listener: Listener;
  readonly #identity: TlsIdentity | null;
  readonly #integrity: Integrity;
  #connecting: Promise<void> | null = null;

  constructor(world: World, listener: Listener, identity: TlsIdentity | null) {
    this.#world = world;
    this.#listener = listener;
    this.#identity = identity;
    this.#integrity = identity === null ? 'crc32c' : 'tls';
    const id = world.random.bytes(16);
    this.a = new Session({ id, clock: world.clock });
    this.b = new Session({ id, clock: world.clock });
    for (const session of [this.a, this.b]) session.onDetached(() => void this.connect());
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async settled(): Promise<void> {
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    this.reconnects += 1;
    this.a.detach();
    this.b.detach();
    for (;;) {
      const conns: Conn[] = [];
      try {
        conns.push(...(await this.#dial()));
        this.a.attach(conns[0] as Conn, this.b.receivedBytes, this.#integrity);
        this.b.attach(conns[1] as Conn, this.a.receivedBytes, this.#integrity);
        return;
      } catch (error) {
        await Promise.all(conns.map((conn) => conn.close()));
        if ((await Promise.race([this.a.closed, this.b.closed, this.#world.clock.sleep(50)])) !== undefined)
          return;
        if (this.reconnects > 1000) throw error;
      }
    }
  }

  async #dial(): Promise<Conn[]> {
    const accepting = this.#listener.accept();
    const plain = await Promise.all([this.#world.net.dial(this.#listener.endpoint, DIAL), accepting]);
    const identity = this.#identity;
    if (identity === null) return plain;
    const secure = (conn: Conn, role: 'client' | 'server') =>
      this.#world.net.secure(conn, { identity, role, handshakeTimeoutMs: 10_000 });
    return Promise.all([secure(plain[0], 'client'), secure(plain[1], 'server')]);
  }
}
