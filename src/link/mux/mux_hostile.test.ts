import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, settle } from '../../../test/link/manual_clock.ts';
import { SessionPair } from '../../../test/link/session_pair.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { FRAME_HEADER_BYTES, type FrameHeader, kindCode, writeFrameHeader } from '../../wire/mux_frame.ts';
import { writeU32 } from '../../wire/session_record.ts';
import type { Session } from '../session/session.ts';
import { BufferPool } from './buffer_pool.ts';
import { createMux, type PingableMux } from './create_mux.ts';

const NEVER = new AbortController().signal;
const NOTHING = new Uint8Array(0);
const MESSAGE_MAX = LIMITS.frameMaxBytes.value;

/** A mux (accepting side) whose peer writes frames as it likes. */
class Attack {
  readonly mux: PingableMux;
  readonly pool = new BufferPool();
  readonly #peer: Session;

  constructor() {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock, capacityBytes: 1024 * 1024 });
    this.#peer = pair.a;
    this.mux = createMux(pair.b, { dialer: false, clock, pool: this.pool });
    void this.#listen();
  }

  async frame(header: Partial<FrameHeader>, payload: Uint8Array = NOTHING): Promise<void> {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    const whole: FrameHeader = {
      type: 'data',
      streamClass: 'bulk',
      last: false,
      streamId: 1,
      lengthBytes: payload.byteLength,
      messageBytes: 0,
      ...header,
    };
    writeFrameHeader(bytes, 0, whole);
    await this.#peer.write([bytes, payload]).catch(() => undefined); // the session may be closed by now, which is what is tested
  }

  open(streamId: number, messageBytes = 1): Promise<void> {
    const payload = new Uint8Array(messageBytes).fill(kindCode('rpc'));
    return this.frame({ type: 'open', streamId, last: true, messageBytes }, payload);
  }

  message(payload: Uint8Array, streamId = 1): Promise<void> {
    return this.frame({ streamId, last: true, messageBytes: payload.byteLength }, payload);
  }

  credit(sizeBytes: number): Promise<void> {
    const payload = new Uint8Array(4);
    writeU32(payload, 0, sizeBytes);
    return this.frame({ type: 'credit' }, payload);
  }

  /** The code with which the mux closed the session. */
  async verdict(): Promise<string> {
    const { error } = await this.mux.closed;
    await settle();
    assert.equal((await this.#peer.closed).code, error.code, 'the peer is told');
    return error.code;
  }

  async #listen(): Promise<void> {
    try {
      for (;;) await this.#peer.read(new Uint8Array(4096), 1);
    } catch {
      // the session is closed
    }
  }
}

describe('Mux and a hostile peer', () => {
  const refused: [string, string, (attack: Attack) => Promise<void>][] = [
    ['a stream that was never opened', 'CW_WIRE_MALFORMED', (attack) => attack.message(NOTHING, 7)],
    [
      'a stream of our own that was never opened',
      'CW_WIRE_MALFORMED',
      (attack) => attack.message(NOTHING, 2),
    ],
    ['an id of our own', 'CW_WIRE_MALFORMED', (attack) => attack.open(2)],
    [
      'an id again',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.open(1);
      },
    ],
    [
      'an unknown kind',
      'CW_WIRE_MALFORMED',
      (attack) => attack.frame({ type: 'open', last: true, messageBytes: 1 }, Uint8Array.of(99)),
    ],
    [
      'too many streams',
      'CW_WIRE_TOO_LARGE',
      async (attack) => {
        for (let i = 0; i <= LIMITS.streamsMax.value; i += 1) await attack.open(2 * i + 1);
      },
    ],
    [
      'messages beyond the credit',
      'CW_WIRE_TOO_LARGE',
      async (attack) => {
        await attack.open(1);
        for (let i = 0; i < 2; i += 1) await attack.message(new Uint8Array(MESSAGE_MAX));
      },
    ],
    [
      'empty messages beyond the credit',
      'CW_WIRE_TOO_LARGE',
      async (attack) => {
        await attack.open(1);
        for (let i = 0; i <= LIMITS.streamCreditBytes.value / 64; i += 1) await attack.message(NOTHING);
      },
    ],
    [
      'a message beyond the limit',
      'CW_WIRE_TOO_LARGE',
      async (attack) => {
        await attack.open(1);
        await attack.frame({ messageBytes: MESSAGE_MAX + 1 }, new Uint8Array(1));
      },
    ],
    [
      'more than the message announced',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.frame({ messageBytes: 10 }, new Uint8Array(5));
        await attack.frame({ last: true }, new Uint8Array(6));
      },
    ],
    [
      'less than the message announced',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.frame({ messageBytes: 10, last: true }, new Uint8Array(5));
      },
    ],
    [
      'an end in the middle of a message',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.frame({ messageBytes: 10 }, new Uint8Array(5));
        await attack.frame({ type: 'end' });
      },
    ],
    [
      'a message after the end',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.frame({ type: 'end' });
        await attack.message(new Uint8Array(1));
      },
    ],
    [
      'a credit of nothing',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.credit(0);
      },
    ],
    [
      'credit without end',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.open(1);
        await attack.credit(2 ** 31);
      },
    ],
    [
      'an opening within another',
      'CW_WIRE_MALFORMED',
      async (attack) => {
        await attack.frame({ type: 'open', messageBytes: 10 }, new Uint8Array(5).fill(1));
        await attack.open(3);
      },
    ],
  ];
  for (const [what, code, attack] of refused) {
    it(`closes the session on ${what}: ${code}`, async () => {
      const attacker = new Attack();
      void attack(attacker);
      assert.equal(await attacker.verdict(), code);
      await settle();
      assert.equal(attacker.pool.lent, 0);
      assert.ok(attacker.pool.freeBytes <= LIMITS.bufferPoolMaxBytes.value);
    });
  }

  it('ignores frames for a stream that it has just reset', async () => {
    const attack = new Attack();
    await attack.open(1);
    const stream = await attack.mux.accept(NEVER);
    await attack.frame({ messageBytes: 100 }, new Uint8Array(50));
    await settle();
    stream.reset(new CausewayError('CW_CANCELLED', 'enough'));
    assert.equal(attack.pool.lent, 0);
    await attack.frame({ last: true }, new Uint8Array(50));
    await attack.message(new Uint8Array(10));
    await attack.credit(10);
    await attack.frame({ type: 'end' });
    await attack.open(3);
    assert.equal((await attack.mux.accept(NEVER)).id, 3);
    await attack.mux.close();
  });

  it('resets the stream that would exceed what all streams may hold, and goes on with the others', async () => {
    const attack = new Attack();
    const held = Math.floor(LIMITS.muxHeldMaxBytes.value / (MESSAGE_MAX + 64));
    for (let i = 0; i <= held; i += 1) {
      await attack.open(2 * i + 1);
      await attack.message(new Uint8Array(MESSAGE_MAX), 2 * i + 1);
    }
    await settle();
    assert.equal(attack.pool.lent, held);
    for (let i = 0; i < held; i += 1) (await (await attack.mux.accept(NEVER)).receive())?.release();
    await attack.open(2 * held + 3);
    await attack.message(new Uint8Array(1000), 2 * held + 3);
    const next = await attack.mux.accept(NEVER);
    assert.equal(next.id, 2 * held + 3);
    assert.equal((await next.receive())?.bytes.byteLength, 1000);
    await attack.mux.close();
  });

  it('refuses streams whose openings nobody has accepted beyond their budget', async () => {
    const attack = new Attack();
    const fit = Math.floor(LIMITS.openingsHeldMaxBytes.value / LIMITS.messageMaxBytes.value);
    for (let i = 0; i <= fit; i += 1) await attack.open(2 * i + 1, LIMITS.messageMaxBytes.value);
    for (let i = 0; i < fit; i += 1) assert.equal((await attack.mux.accept(NEVER)).id, 2 * i + 1);
    await attack.open(1001, LIMITS.messageMaxBytes.value);
    assert.equal((await attack.mux.accept(NEVER)).id, 1001);
    await attack.mux.close();
  });
});
