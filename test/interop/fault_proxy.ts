import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that cuts, stalls and slows what passes through it. */
export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #refusing = false;
  #stalled = false;
  /** Bytes that the dialling side has sent so far, everything included. */
  sentBytes = 0;
  /** Bytes that the listening side has sent so far. */
  answeredBytes = 0;
  /** Bytes per second in each direction; null for no limit. */
  rateBytesPerSecond: number | null = null;
  #budget = 0;
  #budgetAt = performance.now();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async start(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Cuts all connections at once, with whatever is in flight. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** While set, connections are refused as soon as they are made. */
  set refusing(value: boolean) {
    this.#refusing = value;
    if (value) this.cut();
  }

  /** While set, nothing passes and nothing is closed. */
  set stalled(value: boolean) {
    this.#stalled = value;
    for (const [near, far] of this.#pairs) {
      for (const socket of [near, far]) value ? socket.pause() : socket.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    this.#pump(near, far, (count) => {
      this.sentBytes += count;
    });
    this.#pump(far, near, (count) => {
      this.answeredBytes += count;
    });
    if (this.#stalled) for (const socket of pair) socket.pause();
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
  }

  #pump(from: Socket, to: Socket, count: (bytes: number) => void): void {
    from.on('data', (piece: Buffer) => {
      if (to.destroyed) return; // after a cut what had been read comes all the same
      count(piece.byteLength);
      const pauseMs = this.#delayFor(piece.byteLength);
      const full = !to.write(piece);
      if (!full && pauseMs === 0) return;
      from.pause();
      const go = () => {
        if (!this.#stalled) from.resume();
      };
      if (full) to.once('drain', go);
      else setTimeout(go, pauseMs);
    });
  }

  /** A token bucket: how long to wait after `bytes` so that the rate holds. */
  #delayFor(bytes: number): number {
    if (this.rateBytesPerSecond === null) return 0;
    const now = performance.now();
    this.#budget = Math.min(
      this.rateBytesPerSecond / 20,
      this.#budget + ((now - this.#budgetAt) / 1000) * this.rateBytesPerSecond,
    );
    this.#budgetAt = now;
    this.#budget -= bytes;
    return this.#budget >= 0 ? 0 : Math.ceil((-this.#budget / this.rateBytesPerSecond) * 1000);
  }
}
