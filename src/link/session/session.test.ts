import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultConn } from '../../../test/link/fault_conn.ts';
import { ManualClock, settle } from '../../../test/link/manual_clock.ts';
import { Seeded, testSeed } from '../../../test/link/seeded.ts';
import { SessionPair } from '../../../test/link/session_pair.ts';
import { equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { encodeNumberRecord, encodeRecord, writeRecordHeader } from '../../wire/session_record.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { memoryPair } from '../carriers/memory.ts';
import { type Integrity, Session } from './session.ts';

const SEED = testSeed();
const KIB = 1024;
const MIB = 1024 * KIB;
const INTEGRITIES: readonly Integrity[] = ['tls', 'crc32c'];

async function readAll(session: Session, length: number, pieceBytes = length): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  let at = 0;
  while (at < length) at += await session.read(out.subarray(at, at + pieceBytes), 1);
  return out;
}

/** As readAll, and goes on reading until the session is closed, since acknowledgements arrive by reading. */
async function readAllAndOn(session: Session, length: number, pieceBytes = length): Promise<Uint8Array> {
  const out = await readAll(session, length, pieceBytes);
  session.read(new Uint8Array(1), 1).then(
    () => assert.fail('more bytes than were sent'),
    () => undefined, // closed
  );
  return out;
}

/** Writes `bytes` in pieces; counts the releases. */
async function writeAll(
  session: Session,
  bytes: Uint8Array,
  pieceBytes: number,
  released: number[],
): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    const middle = piece.byteLength >> 1;
    const number = released.push(0) - 1;
    await session.write([piece.subarray(0, middle), piece.subarray(middle)], () => {
      released[number] = (released[number] as number) + 1;
    });
  }
}

async function close(...sessions: Session[]): Promise<void> {
  const error = new CausewayError('CW_LINK_CLOSED', 'the test is over');
  await Promise.all(sessions.map((session) => session.close(error)));
}

for (const integrity of INTEGRITIES) {
  describe(`Session over ${integrity}`, () => {
    it('delivers the same bytes when the carrier is cut at every offset, in both directions', async () => {
      const random = new Seeded(SEED);
      const [there, back] = [random.bytes(150), random.bytes(110)];
      const wholeBytes = 340;
      for (let cutAfterBytes = 0; cutAfterBytes < wholeBytes; cutAfterBytes += 1) {
        for (const end of [0, 1]) {
          const pair = new SessionPair({
            clock: new ManualClock(),
            integrity,
            capacityBytes: 64,
            faults: (attempt) =>
              attempt > 0 ? [{}, {}] : end === 0 ? [{ cutAfterBytes }, {}] : [{}, { cutAfterBytes }],
          });
          const released: number[] = [];
          const [gotThere, gotBack] = await Promise.all([
            readAllAndOn(pair.b, there.byteLength, 17),
            readAllAndOn(pair.a, back.byteLength, 23),
            writeAll(pair.a, there, 41, released),
            writeAll(pair.b, back, 29, released),
          ]);
          assert.ok(
            equalBytes(gotThere, there) && equalBytes(gotBack, back),
            `cut at ${cutAfterBytes} of end ${end}`,
          );
          await close(pair.a, pair.b);
          assert.ok(
            released.every((count) => count === 1),
            `each write is released once: ${released}`,
          );
        }
      }
    });

    it('delivers the same bytes under random splits, merges and many cuts', async () => {
      for (let round = 0; round < 12; round += 1) {
        const random = new Seeded(SEED + round);
        const [there, back] = [random.bytes(200 * KIB), random.bytes(150 * KIB)];
        const pair = new SessionPair({
          clock: createNodeClock(),
          integrity,
          capacityBytes: 1 + random.below(64 * KIB),
          faults: () => [
            { cutAfterBytes: random.below(100 * KIB), split: random },
            { cutAfterBytes: random.below(100 * KIB), split: random },
          ],
        });
        const released: number[] = [];
        const [gotThere, gotBack] = await Promise.all([
          readAllAndOn(pair.b, there.byteLength, 1 + random.below(20_000)),
          readAllAndOn(pair.a, back.byteLength, 1 + random.below(20_000)),
          writeAll(pair.a, there, 1 + random.below(70_000), released),
          writeAll(pair.b, back, 1 + random.below(70_000), released),
        ]);
        assert.ok(equalBytes(gotThere, there) && equalBytes(gotBack, back), `round ${round}`);
        assert.ok(pair.attempts > 1, 'the carrier was cut');
        await close(pair.a, pair.b);
        assert.ok(released.every((count) => count === 1));
      }
    });

    it('never has more in flight than the window, and repeats at most a window for each cut', async () => {
      const random = new Seeded(SEED);
      const bytes = new Uint8Array(8 * MIB);
      let cuts = 0;
      const pair: SessionPair = new SessionPair({
        clock: createNodeClock(),
        integrity,
        capacityBytes: 4 * MIB,
        faults: () => [{ cutAfterBytes: 300 * KIB + random.below(MIB), onWrite: () => check() }, {}],
      });
      function check(): void {
        if (pair === undefined) return;
        assert.ok(
          pair.a.inFlightBytes <= pair.a.windowBytes,
          `${pair.a.inFlightBytes} > ${pair.a.windowBytes}`,
        );
      }
      const acknowledgements = readAll(pair.a, 1).catch(() => null);
      await Promise.all([readAll(pair.b, bytes.byteLength, 256 * KIB), writeAll(pair.a, bytes, 300_000, [])]);
      cuts = pair.attempts - 1;
      const allowed = LIMITS.sessionWindowStartBytes.value + (cuts - 1) * LIMITS.sessionWindowMinBytes.value;
      assert.ok(cuts >= 5, `${cuts} cuts`);
      assert.ok(pair.a.stats.resentBytes <= allowed, `${pair.a.stats.resentBytes} repeated in ${cuts} cuts`);
      assert.ok(pair.a.stats.resentBytes > 0);
      await close(pair.a, pair.b);
      await acknowledgements;
    });

    it('waits at the window while the peer does not read', async () => {
      const pair = new SessionPair({ clock: new ManualClock(), integrity, capacityBytes: 16 * MIB });
      let handed = false;
      const reading = readAll(pair.a, 1).catch((error: CausewayError) => error.code);
      void pair.a.write([new Uint8Array(3 * MIB)]).then(
        () => {
          handed = true;
        },
        () => undefined,
      );
      await settle();
      assert.equal(pair.a.inFlightBytes, LIMITS.sessionWindowStartBytes.value);
      assert.equal(handed, false);
      await readAll(pair.b, 3 * MIB);
      await settle();
      assert.equal(handed, true);
      await close(pair.a, pair.b);
      assert.equal(await reading, 'CW_LINK_CLOSED');
    });
  });
}

describe('Session', () => {
  it('doubles the window after 64 MiB without a cut and falls to the minimum after one', async () => {
    const pair = new SessionPair({ clock: createNodeClock() });
    const sizeBytes = LIMITS.sessionWindowGrowAfterBytes.value + MIB;
    const reading = readAll(pair.a, 1).catch(() => null);
    await Promise.all([drain(pair.b, sizeBytes), writeAll(pair.a, new Uint8Array(sizeBytes), MIB, [])]);
    assert.equal(pair.a.windowBytes, 2 * LIMITS.sessionWindowStartBytes.value);
    pair.connect();
    assert.equal(pair.a.windowBytes, LIMITS.sessionWindowMinBytes.value);
    await close(pair.a, pair.b);
    await reading;
  });

  it('acknowledges what the sender did not ask for after a delay', async () => {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock });
    let released = 0;
    const reading = readAll(pair.a, 1).catch(() => null);
    await Promise.all([pair.a.write([new Uint8Array(10)], () => (released += 1)), readAll(pair.b, 10)]);
    await settle();
    assert.equal(released, 0);
    void readAll(pair.b, 1).catch(() => null);
    await clock.advance(LIMITS.sessionAckDelayMs.value);
    await settle();
    assert.equal(released, 1);
    await close(pair.a, pair.b);
    await reading;
  });

  it('gives a silent carrier up after 3 s, and pings keep an idle one', async () => {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock, reconnect: false });
    const reads = [readAll(pair.a, 1), readAll(pair.b, 1)].map((read) => read.catch(() => null));
    await clock.advance(20_000);
    assert.deepEqual(pair.losses, []);
    assert.equal(pair.a.stats.roundTripMs, 0);
    const [left] = memoryPair();
    pair.b.detach();
    await settle();
    pair.a.attach(left, pair.b.receivedBytes, 'tls');
    pair.losses.length = 0;
    await clock.advance(LIMITS.heartbeatTimeoutMs.value - 1);
    assert.deepEqual(pair.losses, []);
    await clock.advance(1);
    await settle();
    assert.deepEqual(pair.losses, ['CW_LINK_DEAD']);
    assert.equal(pair.a.attached, false);
    await close(pair.a, pair.b);
    await Promise.all(reads);
  });

  it('does not take its own freeze for the death of the peer', async () => {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock, reconnect: false });
    const reads = [readAll(pair.a, 1), readAll(pair.b, 1)].map((read) => read.catch(() => null));
    await clock.advance(1_500);
    await clock.jump(60_000);
    await clock.advance(5_000);
    assert.deepEqual(pair.losses, []);
    await close(pair.a, pair.b);
    await Promise.all(reads);
  });

  it('repairs each flipped bit on a carrier with CRC', async () => {
    const random = new Seeded(SEED);
    const bytes = random.bytes(500);
    for (let flipAtByte = 0; flipAtByte < 560; flipAtByte += 3) {
      const pair = new SessionPair({
        clock: new ManualClock(),
        integrity: 'crc32c',
        faults: (attempt) => (attempt > 0 ? [{}, {}] : [{ flipAtByte }, {}]),
      });
      const reading = readAll(pair.a, 1).catch(() => null);
      const [got] = await Promise.all([readAll(pair.b, bytes.byteLength), writeAll(pair.a, bytes, 100, [])]);
      assert.ok(equalBytes(got, bytes), `bit in byte ${flipAtByte}`);
      // the CRC of the last record may be behind the last byte that was read
      assert.ok(
        pair.losses.includes('CW_WIRE_CRC') || flipAtByte >= 500,
        `bit in byte ${flipAtByte} is named`,
      );
      assert.equal(pair.b.stats.damagedRecords, pair.losses.filter((code) => code === 'CW_WIRE_CRC').length);
      await close(pair.a, pair.b);
      await reading;
    }
  });

  it('measures a ping, also through a cut', async () => {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock });
    const reads = [readAll(pair.a, 1), readAll(pair.b, 1)].map((read) => read.catch(() => null));
    assert.equal(await pair.a.ping(), 0);
    const lost = pair.a.ping();
    pair.connect();
    assert.equal(await lost, 0);
    await close(pair.a, pair.b);
    await Promise.all(reads);
    await assert.rejects(pair.a.ping(), { code: 'CW_LINK_CLOSED' });
  });
});

describe('Session close', () => {
  it('ends reads, writes and the other side with the reason, and releases everything', async () => {
    const pair = new SessionPair({ clock: new ManualClock(), capacityBytes: 1024 });
    const reading = readAll(pair.a, 1);
    let released = 0;
    const writing = pair.a.write([new Uint8Array(MIB * 2)], () => (released += 1));
    await settle();
    const error = new CausewayError('CW_LINK_SESSION_LOST', 'the peer restarted');
    const closing = pair.a.close(error);
    const peerReading = readAll(pair.b, 2 * MIB);
    await assert.rejects(writing, error);
    await assert.rejects(reading, error);
    await assert.rejects(peerReading, { code: 'CW_LINK_SESSION_LOST', message: 'the peer restarted' });
    await closing;
    assert.equal(released, 1);
    assert.equal(await pair.a.closed, error);
    assert.equal((await pair.b.closed).code, 'CW_LINK_SESSION_LOST');
    await assert.rejects(pair.a.read(new Uint8Array(1), 1), error);
    await assert.rejects(
      pair.a.write([new Uint8Array(1)], () => (released += 1)),
      error,
    );
    assert.equal(released, 2);
    assert.throws(() => pair.a.attach(memoryPair()[0], 0, 'tls'), error);
  });

  it('does not wait for a peer that is gone', async () => {
    const clock = new ManualClock();
    const pair = new SessionPair({ clock, capacityBytes: 1, reconnect: false });
    const writing = pair.a.write([new Uint8Array(10)]);
    const closing = pair.a.close(new CausewayError('CW_LINK_CLOSED', 'over'));
    await assert.rejects(writing, { code: 'CW_LINK_CLOSED' });
    await clock.advance(LIMITS.sessionCloseGraceMs.value);
    await closing;
    await close(pair.b);
  });

  it('works without a carrier, and while both sides close', async () => {
    const alone = new Session({ id: new Uint8Array(16), clock: new ManualClock() });
    const reading = alone.read(new Uint8Array(1), 1);
    await close(alone);
    await assert.rejects(reading, { code: 'CW_LINK_CLOSED' });
    const pair = new SessionPair({ clock: new ManualClock() });
    const reads = [readAll(pair.a, 1), readAll(pair.b, 1)].map((read) => read.catch(() => null));
    await close(pair.a, pair.b);
    await Promise.all(reads);
  });

  it('delivers what was handed over before', async () => {
    const pair = new SessionPair({ clock: new ManualClock() });
    await pair.a.write([new Uint8Array(1000)]);
    const closing = close(pair.a);
    assert.equal((await readAll(pair.b, 1000)).byteLength, 1000);
    await assert.rejects(readAll(pair.b, 1), { code: 'CW_LINK_CLOSED' });
    await closing;
  });
});

describe('Session and a hostile or unlucky peer', () => {
  /** A session whose peer is raw bytes. */
  async function against(bytes: Uint8Array, integrity: Integrity = 'tls'): Promise<CausewayError> {
    const [left, right] = memoryPair({ capacityBytes: MIB });
    const session = new Session({ id: new Uint8Array(16), clock: new ManualClock() });
    session.attach(left, 0, integrity);
    const reading = readAll(session, 1).catch(() => null);
    await right.write([bytes]);
    const error = await session.closed;
    await right.close();
    await reading;
    return error;
  }

  it('closes for good on records that break the protocol', async () => {
    assert.equal((await against(new Uint8Array(8).fill(0xff))).code, 'CW_WIRE_MALFORMED');
    assert.equal((await against(encodeNumberRecord('ack', 1, false))).code, 'CW_WIRE_MALFORMED');
    const header = new Uint8Array(8);
    writeRecordHeader(header, 0, { type: 'data', acknowledge: false, lengthBytes: 2 ** 31 }, false);
    assert.equal((await against(header)).code, 'CW_WIRE_TOO_LARGE');
    const unknown = encodeRecord('close', Uint8Array.of(0xff), false);
    assert.equal((await against(unknown)).code, 'CW_WIRE_MALFORMED');
    assert.equal((await against(encodeNumberRecord('ack', 1, true), 'crc32c')).code, 'CW_WIRE_MALFORMED');
  });

  it('refuses to resume from bytes that it does not keep', async () => {
    const pair = new SessionPair({ clock: new ManualClock(), reconnect: false });
    const reading = readAll(pair.a, 1).catch(() => null);
    await Promise.all([pair.a.write([new Uint8Array(MIB)]), readAll(pair.b, MIB)]);
    await settle();
    pair.a.detach();
    for (const has of [0, MIB - 1, MIB + 1, -1, Number.NaN, 1.5]) {
      assert.throws(
        () => pair.a.attach(memoryPair()[0], has, 'tls'),
        { code: 'CW_LINK_SESSION_LOST' },
        `${has}`,
      );
    }
    pair.a.attach(memoryPair()[0], MIB, 'tls');
    await close(pair.a, pair.b);
    await reading;
  });

  it('answers a flood of pings with one pong at a time', async () => {
    const [left, right] = memoryPair({ capacityBytes: 64 });
    const session = new Session({ id: new Uint8Array(16), clock: new ManualClock() });
    let writes = 0;
    session.attach(new FaultConn(left, { onWrite: () => (writes += 1) }), 0, 'tls');
    const reading = readAll(session, 1).catch(() => null);
    const ping = encodeNumberRecord('ping', 7, false);
    await right.write(new Array<Uint8Array>(1000).fill(ping));
    assert.ok(writes <= 6, `${writes} writes into a full carrier`);
    await right.close();
    await close(session);
    await reading;
  });
});

async function drain(session: Session, sizeBytes: number): Promise<void> {
  const into = new Uint8Array(MIB);
  for (let got = 0; got < sizeBytes; ) got += await session.read(into, 1);
}
