import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Faults } from '../../../test/link/fault_conn.ts';
import { SessionPair } from '../../../test/link/session_pair.ts';
import { totalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { createMux } from './create_mux.ts';
import type { Mux, Stream, StreamClass, StreamShare } from './mux.ts';

const KIB = 1024;
const NEVER = new AbortController().signal;
const NOTHING = new Uint8Array(0);
const MARK = new TextEncoder().encode('here is the control message');

function connect(watch: Faults, capacityBytes: number): { a: Mux; b: Mux } {
  const clock = createNodeClock();
  const pair = new SessionPair({
    clock,
    capacityBytes,
    faults: () => [{ ...watch, turn: true }, { turn: true }],
  });
  return { a: createMux(pair.a, { dialer: true, clock }), b: createMux(pair.b, { dialer: false, clock }) };
}

/** Sends 1 MiB messages on `stream` until the link is closed. */
async function saturate(stream: Stream): Promise<void> {
  const bytes = new Uint8Array(1024 * KIB);
  try {
    for (;;) await stream.send([bytes]);
  } catch {
    // the link was closed: the end of the test
  }
}

/** Takes messages and counts their bytes. */
async function consume(stream: Stream, onBytes: (sizeBytes: number) => void): Promise<void> {
  for (let next = await stream.receive(); next !== null; next = await stream.receive()) {
    onBytes(next.bytes.byteLength);
    next.release();
  }
}

async function openStream(
  a: Mux,
  b: Mux,
  streamClass: StreamClass,
  share?: StreamShare,
): Promise<[Stream, Stream]> {
  const opened = await a.open('lane', { streamClass, opening: NOTHING, share });
  return [opened, await b.accept(NEVER)];
}

describe('Mux under load', () => {
  for (const capacityKib of [16, 4096]) {
    it(`writes at most two quanta of bulk before a control message, ${capacityKib} KiB in the carrier`, async () => {
      /** Offsets in the byte stream: of the write under way, and of the mark. */
      let [startedAt, endedAt, markAt] = [0, 0, -1];
      const onWrite = (parts: readonly Uint8Array[]) => {
        startedAt = endedAt;
        for (const part of parts) {
          const at = Buffer.from(part.buffer, part.byteOffset, part.byteLength).indexOf(MARK);
          if (at >= 0) markAt = endedAt + at;
          endedAt += part.byteLength;
        }
        assert.ok(totalBytes(parts) === endedAt - startedAt);
      };
      const { a, b } = connect({ onWrite }, capacityKib * KIB);
      const [control, controlPeer] = await openStream(a, b, 'control');
      let bulkBytes = 0;
      for (const streamClass of ['bulk', 'bulk', 'background'] as const) {
        const [opened, accepted] = await openStream(a, b, streamClass);
        void saturate(opened);
        void consume(accepted, (sizeBytes) => (bulkBytes += sizeBytes)).catch(() => undefined); // ends with the link
      }
      let worst = 0;
      for (let round = 0; round < 40; round += 1) {
        const until = bulkBytes + 1024 * KIB;
        while (bulkBytes < until) await new Promise(setImmediate);
        const from = startedAt;
        markAt = -1;
        await control.send([MARK]);
        (await controlPeer.receive())?.release();
        assert.ok(markAt >= 0);
        worst = Math.max(worst, markAt - from);
      }
      const framing = 512;
      const allowed = 2 * LIMITS.frameQuantumMaxBytes.value + framing;
      assert.ok(worst <= allowed, `${worst} bytes before the control message, ${allowed} allowed`);
      await Promise.all([a.close(), b.close()]);
    });
  }

  it('shares a class by weight, however many streams a share has', async (t) => {
    const { a, b } = connect({}, 64 * KIB);
    const weights = [1, 2, 4];
    const got = [0, 0, 0];
    for (const [at, weight] of weights.entries()) {
      const share: StreamShare = { weight, turnAt: 0 };
      for (let i = 0; i < 5 - at; i += 1) {
        const [opened, accepted] = await openStream(a, b, 'bulk', share);
        void saturate(opened);
        const count = (sizeBytes: number) => {
          got[at]! += sizeBytes;
        };
        void consume(accepted, count).catch(() => undefined); // ends with the link
      }
    }
    const sum = () => got.reduce((all, bytes) => all + bytes, 0);
    while (sum() < 350 * 1024 * KIB) await new Promise(setImmediate);
    const shares = got.map((bytes) => bytes / sum());
    t.diagnostic(`shares ${shares.map((share) => share.toFixed(4)).join(', ')} of 1:2:4`);
    for (const [at, weight] of weights.entries())
      assert.ok(Math.abs(shares[at]! / (weight / 7) - 1) < 0.06, `${shares}`); // a message is 2 % of the least share
    await Promise.all([a.close(), b.close()]);
  });

  it('keeps a share for every class when all are saturated', async () => {
    const { a, b } = connect({}, 64 * KIB);
    const got = { interactive: 0, bulk: 0, background: 0 };
    const classes = ['background', 'bulk', 'interactive'] as const;
    for (const streamClass of classes) {
      // several streams of a class, so that waiting for credit leaves no gap
      for (let i = 0; i < 3; i += 1) {
        const [opened, accepted] = await openStream(a, b, streamClass);
        void saturate(opened);
        const count = (sizeBytes: number) => {
          got[streamClass] += sizeBytes;
        };
        void consume(accepted, count).catch(() => undefined); // ends with the link
      }
    }
    while (got.bulk < 24 * 1024 * KIB) await new Promise(setImmediate);
    const all = got.interactive + got.bulk + got.background;
    assert.ok(got.interactive / all >= 0.1, `interactive ${got.interactive / all}`);
    assert.ok((got.bulk + got.background) / all >= 0.08, `behind ${got.bulk / all}`);
    assert.ok(got.background / (got.bulk + got.background) > 0.1, `background ${got.background / all}`);
    await Promise.all([a.close(), b.close()]);
  });
});
