import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback through which each byte takes so long, in each direction; where a rate is given, bytes wait for those before. */
export class DelayProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes that have come through, in both directions. */
  sentBytes = 0;

  private constructor(target: number, delayMs: number, bytesPerSecond: number) {
    this.#server = createServer((near) => {
      const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
      near.setNoDelay(true);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        let freeMs = 0;
        from.on('data', (piece: Buffer) => {
          this.sentBytes += piece.length;
          const nowMs = performance.now();
          freeMs = Math.max(freeMs, nowMs) + (piece.byteLength / bytesPerSecond) * 1_000;
          setTimeout(() => to.write(piece), freeMs - nowMs + delayMs);
        });
        from.on('error', () => to.destroy());
        from.on('close', () => setTimeout(() => to.destroy(), delayMs));
      }
    });
    this.#server.unref();
  }

  static async start(
    target: number,
    delayMs: number,
    bytesPerSecond = Number.POSITIVE_INFINITY,
  ): Promise<DelayProxy> {
    const proxy = new DelayProxy(target, delayMs, bytesPerSecond);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
