import { Duplex } from 'node:stream';
import type { Conn } from '../net.ts';

const READ_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

/** Any {@link Conn} as a Node stream, for TLS over a pipe that is no socket. Destroying it closes the connection. */
export class ConnDuplex extends Duplex {
  readonly #conn: Conn;
  #reading = false;

  constructor(conn: Conn) {
    super({ allowHalfOpen: false });
    this.#conn = conn;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    const into = Buffer.allocUnsafeSlow(READ_BYTES); // TLS may keep the chunk, so it is not used twice
    this.#conn.read(into, 1).then(
      (count) => {
        this.#reading = false;
        if (!this.destroyed) this.push(count === 0 ? null : into.subarray(0, count));
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#conn.write([chunk]).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#conn.write(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#conn.close().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }
}
