import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { Conn, Listener } from '../world/net.ts';
import type { World } from '../world/world.ts';
import type { AcceptedLink } from './accepted_link.ts';
import { Backoff } from './backoff.ts';
import { HandshakeSlots } from './handshake_slots.ts';
import type { LinkServer, Turned } from './link_server.ts';
import { Listeners } from './listeners.ts';
import { Reception, type ReceptionSpec } from './reception.ts';

const OVER = new CausewayError('CW_LINK_CLOSED', 'the other side has stopped serving');

/** Serves many peers on one listener; each handshake runs by itself. */
export class ListenerServer implements LinkServer {
  readonly #world: World;
  readonly #listener: Listener;
  readonly #reception: Reception;
  readonly #slots = new HandshakeSlots();
  readonly #turned = new Listeners<Turned>();
  readonly #stop = new AbortController();
  readonly #handshakes = new Set<Promise<void>>();
  readonly #running: Promise<void>;

  constructor(world: World, spec: Omit<ReceptionSpec, 'exclusive'>, listener: Listener) {
    this.#world = world;
    this.#listener = listener;
    this.#reception = new Reception(world, { ...spec, exclusive: false });
    this.#running = this.#run();
  }

  accept(signal: AbortSignal): Promise<AcceptedLink> {
    return this.#reception.next(signal);
  }

  onTurned(listener: (turned: Turned) => void): () => void {
    return this.#turned.add(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort(OVER);
    await this.#listener.close();
    await this.#running;
    await Promise.all(this.#handshakes);
    await this.#reception.closeAll(OVER);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(this.#world.random);
    while (!signal.aborted) {
      try {
        this.#receive(await this.#listener.accept());
        backoff.reset();
      } catch (failure) {
        if (signal.aborted) return;
        this.#turned.tell({ error: asCausewayError(failure), description: 'listener' }); // too many open files, for example: the listener itself is well
        if (failure instanceof CausewayError && failure.code === 'CW_LINK_CLOSED') break;
        await this.#world.clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // closed: the loop ends
      }
    }
    await this.#reception.closeAll(OVER);
  }

  #receive(raw: Conn): void {
    const handshake = this.#admit(raw).finally(() => this.#handshakes.delete(handshake));
    this.#handshakes.add(handshake);
  }

  async #admit(raw: Conn): Promise<void> {
    const { description } = raw.peer;
    const evicted = new AbortController();
    const leave = this.#slots.enter(description, () =>
      evicted.abort(
        new CausewayError(
          'CW_LINK_BUSY',
          'gave its place to a newer connection before it had shown who it is',
        ),
      ),
    );
    try {
      await this.#reception.admit(raw, AbortSignal.any([this.#stop.signal, evicted.signal]));
    } catch (failure) {
      this.#turned.tell({ error: asCausewayError(failure), description });
    } finally {
      leave();
    }
  }
}
