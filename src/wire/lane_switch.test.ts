import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import {
  decodeLaneMark,
  encodeLaneEnvelope,
  encodeLaneMark,
  encodeLanePreamble,
  isLanePreamble,
  LANE_PREAMBLE_BYTES,
  type LaneMark,
  openLaneEnvelope,
  ticketIdOf,
} from './lane_switch.ts';

const ticket = { id: new Uint8Array(16).fill(3), secret: new Uint8Array(32).fill(9) };
const MARKS: readonly LaneMark[] = [
  { mark: 'ready', ticket: null },
  { mark: 'ready', ticket },
  { mark: 'offer', ticket },
  { mark: 'acknowledged', messages: 7 },
  { mark: 'lostAt', messages: 2 ** 32 - 1 },
  { mark: 'switch' },
  { mark: 'lost' },
];

const hasCode = (code: string) => (error: unknown) => error instanceof CausewayError && error.code === code;

describe('words about the connection of a lane', () => {
  it('come back as they were', () => {
    for (const mark of MARKS) assert.deepEqual(decodeLaneMark(encodeLaneMark(mark)), mark);
  });

  it('are told apart from messages of a lane', () => {
    for (const type of [0, 1, 2, 3, 4, 5, 255])
      assert.equal(decodeLaneMark(Uint8Array.of(type, 0, 0, 0)), null);
    assert.equal(decodeLaneMark(new Uint8Array(0)), null);
  });

  it('are refused where they are longer or shorter than they should be', () => {
    for (const mark of MARKS) {
      const whole = encodeLaneMark(mark);
      for (const wrong of [whole.subarray(0, -1), new Uint8Array([...whole, 0])]) {
        if (wrong.byteLength === 0) continue;
        assert.throws(() => decodeLaneMark(wrong), hasCode('CW_WIRE_MALFORMED'), mark.mark);
      }
    }
  });

  it('name a lane in the clear, before anything is encrypted', () => {
    const preamble = encodeLanePreamble(ticket.id);
    assert.equal(preamble.byteLength, LANE_PREAMBLE_BYTES);
    assert.ok(isLanePreamble(preamble));
    assert.deepEqual(ticketIdOf(preamble), ticket.id);
    assert.ok(!isLanePreamble(Uint8Array.from([0x16, 0x03, 0x01, 0, 0, 0, 0, 0]))); // TLS
    assert.ok(!isLanePreamble(new Uint8Array(0)));
  });
});

describe('the envelope of a message', () => {
  it('gives the message back', () => {
    const head = Uint8Array.from([1, 2, 3]);
    const piece = new Uint8Array([...encodeLaneEnvelope(head), 4, 5]);
    assert.deepEqual([...openLaneEnvelope(piece)], [1, 2, 3, 4, 5]);
  });

  it('shows each flipped bit of the head and of itself', () => {
    const piece = encodeLaneEnvelope(Uint8Array.from([1, 2, 3]));
    for (let bit = 0; bit < piece.byteLength * 8; bit += 1) {
      const damaged = piece.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => openLaneEnvelope(damaged), CausewayError, `bit ${bit}`);
    }
  });

  it('is refused where it is cut', () => {
    const piece = encodeLaneEnvelope(Uint8Array.from([1, 2, 3]));
    for (let sizeBytes = 0; sizeBytes < piece.byteLength; sizeBytes += 1)
      assert.throws(() => openLaneEnvelope(piece.subarray(0, sizeBytes)), hasCode('CW_WIRE_TRUNCATED'));
  });
});
