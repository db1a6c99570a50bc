import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { Conn, Listener, Net } from '../../world/net.ts';

interface Piece {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

const PIECE_BYTES = 64 * 1024;

/** Passes connections of this machine on, each byte so much later, and counts what comes from the far end. */
export class Relay implements AsyncDisposable {
  readonly #net: Net;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly #listener: Listener;
  readonly #far: { readonly host: string; readonly port: number };
  readonly #delayMs: number;
  readonly #conns = new Set<Conn>();
  /** From the far end, until now. */
  receivedBytes = 0;

  private constructor(
    world: { readonly net: Net; readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'> },
    listener: Listener,
    far: { readonly host: string; readonly port: number },
    delayMs: number,
  ) {
    this.#net = world.net;
    this.#clock = world.clock;
    this.#listener = listener;
    this.#far = far;
    this.#delayMs = delayMs;
  }

  static async start(
    world: { readonly net: Net; readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'> },
    far: { readonly host: string; readonly port: number },
    delayMs: number,
  ): Promise<Relay> {
    const listener = await world.net.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const relay = new Relay(world, listener, far, delayMs);
    void relay.#accept();
    return relay;
  }

  get port(): number {
    const { endpoint } = this.#listener;
    return endpoint.kind === 'tcp' ? endpoint.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await Promise.all([...this.#conns].map((conn) => conn.close()));
  }

  async #accept(): Promise<void> {
    for (;;) {
      const near = await this.#listener.accept().catch(() => null); // it was closed
      if (near === null) return;
      this.#conns.add(near);
      void this.#pass(near);
    }
  }

  async #pass(near: Conn): Promise<void> {
    const options = { timeoutMs: LIMITS.benchStartMs.value };
    const far = await this.#net.dial({ kind: 'tcp', ...this.#far }, options).catch(() => null); // it has ended
    if (far === null) return near.close();
    this.#conns.add(far);
    await Promise.all([
      this.#copy(near, far, () => undefined),
      this.#copy(far, near, (sizeBytes) => {
        this.receivedBytes += sizeBytes;
      }),
    ]);
    this.#conns.delete(near);
    this.#conns.delete(far);
  }

  /** Until one of both has ended; then the other one does. */
  async #copy(from: Conn, to: Conn, count: (sizeBytes: number) => void): Promise<void> {
    const pieces: Piece[] = [];
    const state = { isOver: false, wake: (): void => undefined };
    const sending = this.#send(to, pieces, state);
    try {
      for (;;) {
        const bytes = new Uint8Array(PIECE_BYTES);
        const sizeBytes = await from.read(bytes, 1);
        if (sizeBytes === 0) break;
        count(sizeBytes);
        pieces.push({ atMs: this.#clock.monotonicMs() + this.#delayMs, bytes: bytes.subarray(0, sizeBytes) });
        state.wake();
      }
    } catch {
      // the connection was cut: so is the other one
    }
    state.isOver = true;
    state.wake();
    await sending;
    await Promise.all([from.close(), to.close()]);
  }

  async #send(
    to: Conn,
    pieces: Piece[],
    state: { readonly isOver: boolean; wake: () => void },
  ): Promise<void> {
    for (;;) {
      const piece = pieces.shift();
      if (piece === undefined && state.isOver) return;
      if (piece === undefined)
        await new Promise<void>((resolve) => {
          state.wake = resolve;
        });
      else {
        const waitMs = piece.atMs - this.#clock.monotonicMs();
        if (waitMs > 0) await this.#clock.sleep(waitMs);
        await to.write([piece.bytes]).catch(() => undefined); // the read from there tells of its end
      }
    }
  }
}
