import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A Unix socket in front of QEMU's socket of a serial port: passes the bytes on, and can be cut. */
export class PortProxy implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #refusing = false;

  private constructor(path: string, target: string) {
    this.path = path;
    this.#server = createServer((near) => this.#accept(near, target));
  }

  static async start(path: string, target: string): Promise<PortProxy> {
    const proxy = new PortProxy(path, target);
    await new Promise<void>((resolve) => proxy.#server.listen(path, resolve));
    return proxy;
  }

  /** Lets connections through again. */
  allow(): void {
    this.#refusing = false;
  }

  /** Drops the connection, with whatever is in flight, and all that follow until {@link allow}. */
  cut(): void {
    this.#refusing = true;
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.path, { force: true });
  }

  #accept(near: Socket, target: string): void {
    if (this.#refusing) {
      near.destroy();
      return;
    }
    const far = createConnection(target);
    near.pipe(far);
    far.pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy()); // 'close' follows
      socket.on('close', () => {
        this.#open.delete(socket);
        other.destroy();
      });
    }
  }
}
