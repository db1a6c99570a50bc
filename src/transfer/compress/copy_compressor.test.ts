import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { randomBytes, wordyBytes } from '../../../test/store/streams.ts';
import { concat, sharedBytes, toHex, totalBytes } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import {
  decodeLaneMessage,
  decodeSentLaneMessage,
  encodeChunkHeader,
  encodePackHeader,
  encodePatchHeader,
  heldBackBytes,
} from '../../wire/lane_message.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { NODE_FRAMES } from '../../world/node/compression.ts';
import { inlineOffload } from '../../world/offload.ts';
import { StageMeter } from '../stage_meter.ts';
import { CopyCompressor, type LaneParts, type OutgoingParts } from './copy_compressor.ts';
import { fixedLevel } from './level_choice.ts';
import { MessageExpander } from './message_expander.ts';

const MIB = 1024 * 1024;
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;
const clock = createNodeClock();
const offload = inlineOffload(clock, NODE_FRAMES);

function rig(level = 3) {
  const meter = new StageMeter(clock);
  const parts = { clock, meter, offload, level: fixedLevel(level), dataMaxBytes: MIB };
  const compressor = new CopyCompressor(parts);
  let lent = 0;
  const send = (parts: LaneParts, file: number | null, buffer: Uint8Array): Promise<OutgoingParts> => {
    lent += 1;
    const giveBack = () => {
      lent -= 1;
    };
    return compressor.outgoing(parts, file, { buffer, giveBack });
  };
  return { meter, compressor, send, lent: () => lent };
}

const bytesOf = ({ header, data }: LaneParts): Uint8Array => concat([header, ...data]);

function filled(...pieces: readonly Uint8Array[]): Uint8Array {
  const buffer = sharedBytes(MIB);
  buffer.set(concat(pieces));
  return buffer;
}

function header(lengthBytes: number) {
  return { file: 7, version: 0, index: 3, lengthBytes, hash: new Uint8Array(32).fill(0xab) };
}

/** Chunk, pack and patch of text: what goes, and where it lies in its buffer. */
function messages(): { readonly parts: LaneParts; readonly buffer: Uint8Array }[] {
  const text = wordyBytes(random, 200_000);
  const chunk = filled(text);
  const files = [1, 2, 3].map((file) => ({ file, lengthBytes: 50_000, hash: hashBytes(text) }));
  const pack = filled(text.subarray(0, 150_000));
  const patch = filled(text);
  const segments = [
    { literalBytes: 40_000, copyBytes: 60_000, copyFrom: 5 },
    { literalBytes: 70_000, copyBytes: 30_000, copyFrom: 9 },
  ];
  return [
    {
      parts: { header: encodeChunkHeader(header(200_000)), data: [chunk.subarray(0, 200_000)] },
      buffer: chunk,
    },
    { parts: { header: encodePackHeader(files), data: [pack.subarray(0, 150_000)] }, buffer: pack },
    {
      parts: {
        header: encodePatchHeader(header(200_000), segments),
        data: [patch.subarray(0, 40_000), patch.subarray(100_000, 170_000)],
      },
      buffer: patch,
    },
  ];
}

test('the sink reads the same message as without compression, of every kind', async (t) => {
  t.diagnostic(SEED);
  const { meter, compressor, send, lent } = rig();
  const expander = new MessageExpander(meter, offload);
  let before = 0;
  let after = 0;
  for (const { parts, buffer } of messages()) {
    const plain = bytesOf(parts).slice();
    before += totalBytes(parts.data);
    const out = await send(parts, parts.header[0] === 2 ? null : 7, buffer);
    after += totalBytes(out.data);
    const sent = decodeSentLaneMessage(bytesOf(out));
    assert.equal(sent.type, 'compressed');
    assert.equal(lent(), 0, 'the buffer is free as soon as the frame is made');
    let released = 0;
    const read = await expander.expand(sent, () => {
      released += 1;
    });
    assert.deepEqual(read, decodeLaneMessage(plain), SEED);
    assert.equal(released, 1);
    assert.equal(heldBackBytes(sent), heldBackBytes(decodeLaneMessage(plain)));
    out.release();
  }
  assert.deepEqual(compressor.figures(), {
    level: 3,
    beforeBytes: before,
    afterBytes: after,
    skippedBytes: 0,
  });
  assert.ok(after < before / 3, SEED);
  assert.equal(meter.bytes('compress'), before);
  assert.equal(meter.bytes('decompress'), before);
});

test('what does not get smaller goes as it is, and is tried ever more rarely', async (t) => {
  t.diagnostic(SEED);
  const { meter, compressor, send, lent } = rig();
  for (let index = 0; index < 20; index += 1) {
    const noise = randomBytes(random, 100_000);
    const buffer = filled(noise);
    const parts = { header: encodeChunkHeader(header(100_000)), data: [buffer.subarray(0, 100_000)] };
    const out = await send(parts, 7, buffer);
    assert.equal(toHex(bytesOf(out)), toHex(concat([parts.header, noise])), SEED);
    assert.equal(lent(), 1, 'the buffer is in use until it has gone');
    out.release();
  }
  assert.equal(meter.bytes('compress'), 5 * 100_000, 'chunks 0, 2, 5, 10, 19');
  assert.deepEqual(compressor.figures(), {
    level: 0,
    beforeBytes: 0,
    afterBytes: 0,
    skippedBytes: 2_000_000,
  });
});

test('a few bytes are not worth a frame', async () => {
  const { send, compressor } = rig();
  const buffer = filled(new Uint8Array(1_000));
  const out = await send(
    { header: encodeChunkHeader(header(1_000)), data: [buffer.subarray(0, 1_000)] },
    7,
    buffer,
  );
  assert.equal(decodeSentLaneMessage(bytesOf(out)).type, 'chunk');
  assert.equal(compressor.figures().skippedBytes, 1_000);
});

test('a damaged frame becomes bytes that do not have their hash', async () => {
  const { meter, send } = rig();
  const expander = new MessageExpander(meter, offload);
  const [{ parts, buffer } = assert.fail()] = messages();
  const good = bytesOf(await send(parts, 7, buffer));
  const read = await expander.expand(decodeSentLaneMessage(good), () => undefined);
  assert.ok(read.type === 'chunk' && read.data.some((byte) => byte !== 0));
  const damaged = good.slice();
  damaged.fill(0x55, damaged.byteLength - 200);
  for (const bad of [good.slice(0, -2), damaged]) {
    const read = await expander.expand(decodeSentLaneMessage(bad), () => undefined);
    assert.ok(read.type === 'chunk' && read.data.byteLength === 200_000);
    assert.ok(read.data.every((byte) => byte === 0));
    assert.notDeepEqual(hashBytes(read.data.slice()), read.hash);
  }
});

test('a message whose head and frame do not belong together is refused', async () => {
  const { meter, send } = rig();
  const expander = new MessageExpander(meter, offload);
  const [{ parts, buffer } = assert.fail()] = messages();
  const good = bytesOf(await send(parts, 7, buffer));
  const longer = good.slice();
  new DataView(longer.buffer).setUint32(8, 200_001, true);
  await assert.rejects(
    expander.expand(decodeSentLaneMessage(longer), () => undefined),
    { code: 'CW_WIRE_TRUNCATED' },
  );
});
