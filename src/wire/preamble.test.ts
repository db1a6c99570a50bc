import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, toHex, utf8 } from '../base/bytes.ts';
import { encodeAck, encodeBoot, encodeSync, GuestPreamble, HostPreamble, NONCE_BYTES } from './preamble.ts';

const nonce = (seed: number) => new Uint8Array(NONCE_BYTES).fill(seed);
const HELLO = utf8('\x16\x03\x01 first bytes of the connection');
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const params = { seed, numRuns: 300 };

/** Feeds `bytes` in pieces of the given sizes, repeated; gives all answers and the payload with what follows it. */
function feed(guest: GuestPreamble, bytes: Uint8Array, sizes: readonly number[]) {
  const acks: string[] = [];
  for (let at = 0, i = 0; at < bytes.byteLength; i += 1) {
    const end = Math.min(bytes.byteLength, at + (sizes[i % sizes.length] as number));
    const step = guest.push(bytes.subarray(at, end));
    acks.push(...step.acks.map(toHex));
    if (step.payload !== null) return { acks, payload: concat([step.payload, bytes.subarray(end)]) };
    at = end;
  }
  return { acks, payload: null };
}

describe('GuestPreamble', () => {
  it('answers each nonce once and hands on what follows, whatever comes before and however it is cut', () => {
    const junk = fc.uint8Array({ maxLength: 200 });
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    const nonces = fc.array(fc.integer({ min: 3, max: 250 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(junk, nonces, fc.integer({ min: 1, max: 4 }), sizes, (before, seeds, copies, pieces) => {
        const unique = [...new Set(seeds)];
        const syncs = unique.flatMap((s) => Array.from({ length: copies }, () => encodeSync(nonce(s))));
        const stale = before.map((byte) => (byte === 0x02 ? 0x03 : byte));
        const { acks, payload } = feed(new GuestPreamble(), concat([stale, ...syncs, HELLO]), pieces);
        assert.deepEqual(
          acks,
          unique.map((s) => toHex(nonce(s))),
        );
        assert.deepEqual(payload, HELLO);
      }),
      params,
    );
  });

  it('survives any bytes: it holds less than one record and never answers what was not asked', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 10 });
    fc.assert(
      fc.property(pieces, (chunks) => {
        const guest = new GuestPreamble();
        for (const chunk of chunks) {
          const { acks, payload } = guest.push(chunk);
          assert.deepEqual(acks, []);
          assert.equal(payload, null);
        }
      }),
      params,
    );
  });

  it('takes the whole SYNC behind one that its writer did not finish', () => {
    for (let cut = 1; cut < 16; cut += 1) {
      const torn = encodeSync(nonce(7)).subarray(0, cut);
      const { acks, payload } = feed(new GuestPreamble(), concat([torn, encodeSync(nonce(9)), HELLO]), [5]);
      assert.deepEqual(acks, [toHex(nonce(9))], `cut after ${cut} bytes`);
      assert.deepEqual(payload, HELLO);
    }
  });

  it('does not answer a late copy of an answered nonce after a restart, and answers a new one', () => {
    const guest = new GuestPreamble();
    feed(guest, concat([encodeSync(nonce(5)), HELLO]), [100]);
    guest.restart();
    const { acks, payload } = feed(
      guest,
      concat([encodeSync(nonce(5)), HELLO, encodeSync(nonce(6)), HELLO]),
      [100],
    );
    assert.deepEqual(acks, [toHex(nonce(6))]);
    assert.deepEqual(payload, HELLO);
  });

  it('takes nothing for the connection after a torn record, which may belong to an older peer', () => {
    const torn = encodeSync(nonce(8)).subarray(0, 3);
    const { acks, payload } = feed(new GuestPreamble(), concat([encodeSync(nonce(8)), torn, HELLO]), [100]);
    assert.deepEqual(acks, [toHex(nonce(8))]);
    assert.equal(payload, null);
  });
});

describe('HostPreamble', () => {
  it('finds the answer to its nonce among stale bytes, other answers and beacons, however they are cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 40 }),
        sizes,
        (before, after, pieces) => {
          const host = new HostPreamble(nonce(1));
          const bytes = concat([before, encodeAck(nonce(2)), encodeBoot(), encodeAck(nonce(1)), after]);
          for (let at = 0, i = 0; at < bytes.byteLength; i += 1) {
            const end = Math.min(bytes.byteLength, at + (pieces[i % pieces.length] as number));
            const { payload } = host.push(bytes.subarray(at, end));
            if (payload !== null) {
              assert.deepEqual(concat([payload, bytes.subarray(end)]), after);
              return;
            }
            at = end;
          }
          assert.fail('the answer was not found');
        },
      ),
      params,
    );
  });

  it('reports a beacon once', () => {
    const host = new HostPreamble(nonce(1));
    const boot = encodeBoot();
    assert.equal(host.push(boot.subarray(0, 5)).booted, false);
    assert.equal(host.push(boot.subarray(5)).booted, true);
    assert.equal(host.push(utf8('x')).booted, false);
  });
});
