import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { seededChance } from '../../test/fixtures/seeded_chance.ts';
import { randomBytes, wordyBytes } from '../../test/store/streams.ts';
import { sharedBytes, toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import type { FrameCodec } from './compression.ts';
import { NODE_FRAMES } from './node/compression.ts';
import { RUN_FRAMES } from './run_frames.ts';

const MIB = 1024 * 1024;
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;
const FAST = { level: 1, longDistance: false };
const CODECS: readonly { readonly name: string; readonly frames: FrameCodec }[] = [
  { name: 'zstd', frames: NODE_FRAMES },
  { name: 'runs', frames: RUN_FRAMES },
];

function frameOf(frames: FrameCodec, bytes: Uint8Array, effort = FAST): Uint8Array {
  const into = sharedBytes(2 * bytes.byteLength + 64);
  const length = frames.encode(bytes, into, effort);
  assert.ok(length !== null);
  return into.subarray(0, length);
}

function decoded(frames: FrameCodec, frame: Uint8Array, sizeBytes: number): Uint8Array {
  const into = sharedBytes(sizeBytes);
  frames.decode(frame, into);
  return into;
}

function malformed(work: () => unknown, what: string): void {
  assert.throws(work, { code: 'CW_WIRE_MALFORMED' }, `${what} ${SEED}`);
}

for (const { name, frames } of CODECS) {
  test(`${name}: gives back what was put in, at every level`, (t) => {
    t.diagnostic(SEED);
    for (const length of [0, 1, 2, 255, 256, 5_000, MIB]) {
      for (const bytes of [wordyBytes(random, length), randomBytes(random, length), new Uint8Array(length)]) {
        const level = 1 + Math.floor(random() * 12);
        const frame = frameOf(frames, bytes, { level, longDistance: random() < 0.5 });
        assert.equal(toHex(decoded(frames, frame, length)), toHex(bytes), SEED);
      }
    }
  });

  test(`${name}: says where a frame has no room, and writes nothing beyond`, () => {
    const bytes = randomBytes(random, 10_000);
    const memory = sharedBytes(20_000);
    assert.equal(frames.encode(bytes, memory.subarray(0, 8_750), FAST), null);
    assert.ok(memory.subarray(8_750).every((byte) => byte === 0));
    assert.equal(frames.encode(new Uint8Array(1_000), memory.subarray(0, 0), FAST), null);
  });

  test(`${name}: a frame of another length than told is refused`, () => {
    const frame = frameOf(frames, wordyBytes(random, 5_000));
    for (const sizeBytes of [0, 1, 4_999, 5_001, MIB])
      malformed(() => decoded(frames, frame, sizeBytes), `${sizeBytes}`);
    malformed(() => decoded(frames, frame.subarray(0, frame.byteLength - 1), 5_000), 'cut off');
    malformed(() => decoded(frames, new Uint8Array(0), 5_000), 'empty');
  });

  test(`${name}: damage is an error or other bytes of the same length, and nothing else`, (t) => {
    t.diagnostic(SEED);
    const plain = wordyBytes(random, 20_000);
    const frame = frameOf(frames, plain);
    let refused = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const bad = Uint8Array.from(frame);
      for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips -= 1)
        bad[Math.floor(random() ** 2 * bad.byteLength)]! ^= 1 << Math.floor(random() * 8);
      const cut = random() < 0.2 ? bad.subarray(0, Math.floor(random() * bad.byteLength)) : bad;
      try {
        decoded(frames, cut, plain.byteLength);
      } catch (failure) {
        assert.ok(
          failure instanceof CausewayError && failure.code === 'CW_WIRE_MALFORMED',
          `${SEED}: ${failure}`,
        );
        refused += 1;
      }
    }
    assert.ok(refused > 100, `${refused} refused`);
  });
}

test('zstd: what expands to more than told takes no memory for it', () => {
  const bomb = zstdCompressSync(Buffer.alloc(256 * MIB));
  assert.ok(bomb.byteLength < 64 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 50; round += 1)
    malformed(() => decoded(NODE_FRAMES, bomb, 64 * 1024), 'a bomb');
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * MIB);
});

test('zstd: a frame that asks for a long window gets no memory for it', () => {
  const params = { [constants.ZSTD_c_windowLog]: 27 };
  const wide = zstdCompressSync(Buffer.alloc(100_000_000, 'text '), { params });
  for (const sizeBytes of [1_000, 1_000_000, 4_000_000])
    malformed(() => decoded(NODE_FRAMES, wide, sizeBytes), `a window of 128 MiB, ${sizeBytes} bytes`);
});

test('zstd: nothing may stand behind a frame', () => {
  const frame = frameOf(NODE_FRAMES, wordyBytes(random, 5_000));
  malformed(() => decoded(NODE_FRAMES, Buffer.concat([frame, Buffer.from('more')]), 5_000), 'trailing');
});
