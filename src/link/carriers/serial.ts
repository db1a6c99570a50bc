import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  encodeAck,
  encodeBoot,
  encodeSync,
  type GuestPreamble,
  HostPreamble,
  NONCE_BYTES,
} from '../../wire/preamble.ts';
import type { Clock, Random } from '../../world/clock.ts';
import type { Conn } from '../../world/net.ts';
import { prefixedConn } from './prefixed.ts';

/**
 * The host's side of a serial port: repeats SYNC every `LIMITS.serialSyncIntervalMs` until the guest answers, and
 * discards everything before the answer. Waits for as long as `conn` lives; close it to give up. CW_LINK_CLOSED.
 */
export async function syncAsHost(conn: Conn, world: { clock: Clock; random: Random }): Promise<Conn> {
  const nonce = world.random.bytes(NONCE_BYTES);
  const preamble = new HostPreamble(nonce);
  const writer = new SyncWriter(conn, encodeSync(nonce), world.clock);
  const writing = writer.run();
  try {
    for (;;) {
      const { payload, booted } = preamble.push(await readSome(conn));
      if (payload !== null) return prefixedConn(payload, conn);
      if (booted) writer.hurry();
    }
  } finally {
    writer.stop();
    await writing; // one write at a time: the connection is handed on after the last SYNC has left
  }
}

/** Writes one record again and again, never two at a time: a guest that does not read must not fill the memory. */
class SyncWriter {
  readonly #conn: Conn;
  readonly #record: Uint8Array;
  readonly #clock: Clock;
  #pause = new AbortController();
  #stopped = false;

  constructor(conn: Conn, record: Uint8Array, clock: Clock) {
    this.#conn = conn;
    this.#record = record;
    this.#clock = clock;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#conn.write([this.#record]);
      } catch {
        return; // the pipe is cut: the pending read fails with the same cause and reports it
      }
      if (this.#stopped) return;
      await this.#clock.sleep(LIMITS.serialSyncIntervalMs.value, this.#pause.signal).catch(() => undefined); // hurried
      this.#pause = new AbortController();
    }
  }

  hurry(): void {
    this.#pause.abort();
  }

  stop(): void {
    this.#stopped = true;
    this.#pause.abort();
  }
}

/**
 * The guest's side: announces that the port was opened, discards everything up to a SYNC, answers each nonce once, and
 * resolves with the first byte that follows. Waits for as long as `conn` lives. CW_LINK_CLOSED.
 */
export async function answerAsGuest(conn: Conn, preamble: GuestPreamble): Promise<Conn> {
  preamble.restart();
  await conn.write([encodeBoot(), encodeBoot()]); // more than any record header, so that a host in an old session need not wait for the rest of one
  for (;;) {
    const { acks, payload } = preamble.push(await readSome(conn));
    for (const nonce of acks) await conn.write([encodeAck(nonce)]);
    if (payload !== null) return prefixedConn(payload, conn);
  }
}

async function readSome(conn: Conn): Promise<Uint8Array> {
  const into = new Uint8Array(LIMITS.serialReadBytes.value);
  const sizeBytes = await conn.read(into, 1);
  if (sizeBytes === 0)
    throw new CausewayError('CW_LINK_CLOSED', 'the serial port was closed by the other side');
  return into.subarray(0, sizeBytes);
}
