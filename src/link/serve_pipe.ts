import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import { GuestPreamble } from '../wire/preamble.ts';
import type { Conn } from '../world/net.ts';
import type { World } from '../world/world.ts';
import type { AcceptedLink, AcceptedSession } from './accepted_link.ts';
import { Backoff } from './backoff.ts';
import { answerAsGuest } from './carriers/serial.ts';
import { type Channel, openChannel } from './channel.ts';
import type { LinkServer, Turned } from './link_server.ts';
import { Listeners } from './listeners.ts';
import { Reception, type ReceptionSpec } from './reception.ts';

const OVER = new CausewayError('CW_LINK_CLOSED', 'the other side has stopped serving');

export interface PipeSource {
  readonly channel: Channel;
  readonly serial: boolean;
}

/** Serves the one peer of a pipe: carrier after carrier on a serial port, a single one on stdio. */
export class PipeServer implements LinkServer {
  readonly #world: World;
  readonly #source: PipeSource;
  readonly #reception: Reception;
  readonly #preamble = new GuestPreamble();
  readonly #backoff: Backoff;
  readonly #turned = new Listeners<Turned>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: World, spec: Omit<ReceptionSpec, 'exclusive'>, source: PipeSource) {
    this.#world = world;
    this.#source = source;
    // whoever has started this process waits as long for it
    const slow = source.serial ? {} : { handshakeTimeoutMs: LIMITS.execHandshakeTimeoutMs.value };
    this.#reception = new Reception(world, { ...spec, ...slow, exclusive: true });
    this.#backoff = new Backoff(world.random);
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
    await this.#reception.closeAll(OVER);
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    do {
      await this.#once();
      if (this.#source.serial)
        await this.#world.clock.sleep(this.#backoff.nextMs(), signal).catch(() => undefined); // closed: the loop ends
    } while (this.#source.serial && !signal.aborted);
    await this.#reception.closeAll(OVER);
  }

  /** One opening of the pipe, from the first byte to the loss of the carrier. */
  async #once(): Promise<void> {
    let description = 'pipe';
    try {
      const raw = await openChannel(this.#world.net, this.#source.channel, this.#stop.signal);
      description = raw.peer.description;
      const session = await this.#admit(raw);
      await orAborted(session.carrierGone, this.#stop.signal);
      if (session.state.kind === 'interrupted') await raw.close(); // the port has room for one: the next opening waits for this
    } catch (failure) {
      if (!this.#stop.signal.aborted) this.#turned.tell({ error: asCausewayError(failure), description });
    }
  }

  async #admit(raw: Conn): Promise<AcceptedSession> {
    const conn = this.#source.serial ? await this.#scanned(raw) : raw;
    const session = await this.#reception.admit(conn, this.#stop.signal);
    if (session === null) throw new CausewayError('CW_INTERNAL', 'a pipe has no room for lanes');
    this.#backoff.reset();
    return session;
  }

  /** Waits for a host for as long as it takes. */
  async #scanned(raw: Conn): Promise<Conn> {
    const { signal } = this.#stop;
    const onAbort = () => void raw.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await answerAsGuest(raw, this.#preamble);
    } catch (failure) {
      await raw.close();
      throw failure;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
