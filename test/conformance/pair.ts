import assert from 'node:assert/strict';
import type { Conn, Endpoint, Listener } from '../../src/world/net.ts';
import type { World } from '../../src/world/world.ts';

export const DIAL = { timeoutMs: 10_000 };
export const LOOPBACK: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };

export interface Pair {
  readonly listener: Listener;
  readonly dialer: Conn;
  readonly acceptor: Conn;
}

/** Two ends of one connection. */
export async function connectPair(world: World, endpoint: Endpoint = LOOPBACK): Promise<Pair> {
  const listener = await world.net.listen(endpoint);
  const [dialer, acceptor] = await Promise.all([world.net.dial(listener.endpoint, DIAL), listener.accept()]);
  return { listener, dialer, acceptor };
}

/** Runs `body` with two ends of a connection and closes them after it. */
export async function withPair(
  world: World,
  endpoint: Endpoint,
  body: (pair: Pair) => Promise<void>,
): Promise<void> {
  const pair = await connectPair(world, endpoint);
  try {
    await body(pair);
  } finally {
    await Promise.all([pair.dialer.close(), pair.acceptor.close()]);
    await pair.listener.close();
  }
}

/** Reads exactly `length` bytes; fails at an earlier end. */
export async function readExactly(conn: Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = await conn.read(bytes.subarray(done), 1);
    assert.ok(count > 0, `the stream ended after ${done} of ${length} bytes`);
    done += count;
  }
  return bytes;
}
