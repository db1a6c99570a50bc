import type { Conn, PeerInfo } from '../../world/net.ts';

/** A pipe whose first bytes were read already: gives `prefix` first, then what `conn` has. Owns `conn`. */
export function prefixedConn(prefix: Uint8Array, conn: Conn): Conn {
  return prefix.byteLength === 0 ? conn : new PrefixedConn(prefix, conn);
}

class PrefixedConn implements Conn {
  #prefix: Uint8Array;
  readonly #conn: Conn;

  constructor(prefix: Uint8Array, conn: Conn) {
    this.#prefix = prefix;
    this.#conn = conn;
  }

  get peer(): PeerInfo {
    return this.#conn.peer;
  }

  async read(into: Uint8Array, minBytes: number): Promise<number> {
    if (this.#prefix.byteLength === 0) return this.#conn.read(into, minBytes);
    const taken = this.#prefix.subarray(0, into.byteLength);
    into.set(taken);
    this.#prefix = this.#prefix.subarray(taken.byteLength);
    if (taken.byteLength >= minBytes) return taken.byteLength;
    const rest = into.subarray(taken.byteLength);
    return taken.byteLength + (await this.#conn.read(rest, minBytes - taken.byteLength));
  }

  write(parts: readonly Uint8Array[]): Promise<void> {
    return this.#conn.write(parts);
  }

  close(): Promise<void> {
    return this.#conn.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
