import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Faults } from '../../../test/link/fault_conn.ts';
import { ManualClock } from '../../../test/link/manual_clock.ts';
import { Seeded, testSeed } from '../../../test/link/seeded.ts';
import { type PairOptions, SessionPair } from '../../../test/link/session_pair.ts';
import { equalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { BufferPool } from './buffer_pool.ts';
import { createMux } from './create_mux.ts';
import type { Mux, Stream, StreamMessage } from './mux.ts';

const SEED = testSeed();
const KIB = 1024;
const NEVER = new AbortController().signal;
const INTEGRITIES = ['tls', 'crc32c'] as const;

interface Ends {
  readonly pair: SessionPair;
  readonly a: Mux;
  readonly b: Mux;
  readonly pool: BufferPool;
}

function connect(options: PairOptions): Ends {
  const pair = new SessionPair(options);
  const pool = new BufferPool();
  const { clock } = options;
  const a = createMux(pair.a, { dialer: true, clock, pool });
  return { pair, a, b: createMux(pair.b, { dialer: false, clock, pool }), pool };
}

async function sendAll(stream: Stream, messages: readonly Uint8Array[], released: number[]): Promise<void> {
  for (const bytes of messages) {
    const number = released.push(0) - 1;
    await stream.send([bytes], () => {
      released[number] = (released[number] as number) + 1;
    });
  }
  await stream.end();
}

async function expectAll(stream: Stream, messages: readonly Uint8Array[], what: string): Promise<void> {
  for (const [number, bytes] of messages.entries()) {
    const message = (await stream.receive()) as StreamMessage;
    assert.ok(equalBytes(message.bytes, bytes), `${what}: message ${number} of ${bytes.byteLength} bytes`);
    message.release();
  }
  assert.equal(await stream.receive(), null, what);
}

/** Sends `there` and `back` on one stream and checks that they arrive; returns how many releases each sent message got. */
async function exchange(
  ends: Ends,
  there: Uint8Array[],
  back: Uint8Array[],
  what: string,
): Promise<number[]> {
  const released: number[] = [];
  const opened = await ends.a.open('rpc', { streamClass: 'bulk', opening: Uint8Array.of(1, 2, 3) });
  const sending = sendAll(opened, there, released);
  const accepted = await ends.b.accept(NEVER);
  assert.deepEqual(accepted.opening, Uint8Array.of(1, 2, 3));
  await Promise.all([
    sending,
    sendAll(accepted, back, released),
    expectAll(accepted, there, what),
    expectAll(opened, back, what),
  ]);
  await Promise.all([ends.a.close(), ends.b.close()]);
  return released;
}

describe('Mux over carriers that fail', () => {
  for (const integrity of INTEGRITIES) {
    it(`delivers every message once when the carrier is cut at any byte, ${integrity}`, async () => {
      const random = new Seeded(SEED);
      const there = [0, 1, 90, 600, 0].map((size) => random.bytes(size));
      const back = [0, 200].map((size) => random.bytes(size));
      for (const [end, wholeBytes] of [
        [0, 950],
        [1, 380],
      ] as const) {
        for (let cutAfterBytes = 0; cutAfterBytes < wholeBytes; cutAfterBytes += 1) {
          const cut: Faults = { cutAfterBytes };
          const faults = (attempt: number): [Faults, Faults] =>
            attempt > 0 ? [{}, {}] : end === 0 ? [cut, {}] : [{}, cut];
          const ends = connect({ clock: new ManualClock(), integrity, capacityBytes: 128, faults });
          const released = await exchange(ends, there, back, `cut at ${cutAfterBytes} of end ${end}`);
          assert.ok(released.every((count) => count === 1));
          assert.equal(ends.pool.lent, 0);
        }
      }
    });

    it(`delivers messages of all sizes under random cuts, splits and flips, ${integrity}`, async () => {
      let attempts = 0;
      for (let round = 0; round < 6; round += 1) {
        const random = new Seeded(SEED + round);
        const sizes = Array.from(
          { length: 12 },
          () => random.below(2) * random.below(200 * KIB) + random.below(9),
        );
        const there = [...sizes, LIMITS.frameMaxBytes.value].map((size) => random.bytes(size));
        const back = sizes.map((size) => random.bytes(size >> 1));
        const fault = (): Faults => ({
          cutAfterBytes: 1000 + random.below(500 * KIB),
          split: random,
          ...(integrity === 'crc32c' && random.below(2) === 0 ? { flipAtByte: random.below(200 * KIB) } : {}),
        });
        const ends = connect({
          clock: createNodeClock(),
          integrity,
          capacityBytes: 1 + random.below(256 * KIB),
          faults: () => [fault(), fault()],
        });
        const released = await exchange(ends, there, back, `round ${round}`);
        attempts += ends.pair.attempts;
        assert.ok(released.every((count) => count === 1));
        assert.equal(ends.pool.lent, 0);
        if (integrity === 'tls') assert.ok(!ends.pair.losses.includes('CW_WIRE_CRC'));
      }
      assert.ok(attempts > 30, `${attempts} carriers`);
    });
  }

  it('repeats at most 1 % of a transfer that is cut often', async () => {
    const cutEveryBytes = 8 * 1024 * KIB;
    const wholeBytes = 96 * 1024 * KIB;
    const ends = connect({
      clock: createNodeClock(),
      faults: () => [{ cutAfterBytes: cutEveryBytes }, {}],
    });
    const message = new Uint8Array(1024 * KIB);
    const messages = new Array<Uint8Array>(wholeBytes / message.byteLength).fill(message);
    const opened = await ends.a.open('lane', { streamClass: 'bulk', opening: new Uint8Array(0) });
    const sending = sendAll(opened, messages, []);
    const accepted = await ends.b.accept(NEVER);
    let got = 0;
    for (let next = await accepted.receive(); next !== null; next = await accepted.receive()) {
      got += next.bytes.byteLength;
      next.release();
    }
    await sending;
    assert.equal(got, wholeBytes);
    const { resentBytes, reconnects } = ends.a.stats;
    assert.ok(reconnects >= 11, `${reconnects} cuts`);
    const start = LIMITS.sessionWindowStartBytes.value;
    assert.ok(resentBytes <= start + (reconnects - 1) * LIMITS.sessionWindowMinBytes.value, `${resentBytes}`);
    await Promise.all([ends.a.close(), ends.b.close()]);
  });
});
