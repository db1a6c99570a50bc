import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes } from '../../src/base/bytes.ts';
import { observed } from '../../src/base/deferred.ts';
import { CausewayError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { Mux, Stream, StreamClass, StreamMessage } from '../../src/link/mux/mux.ts';
import type { Clock } from '../../src/world/clock.ts';
import { Seeded } from '../link/seeded.ts';

/** Two ends of one link. */
export interface MuxPair {
  readonly a: Mux;
  readonly b: Mux;
  readonly clock: Clock;
}

export interface MuxSuiteOptions {
  readonly seed: number;
  /** Makes a fresh pair, runs `body` on it, and sees to it that nothing is left. The suite closes both muxes. */
  run(body: (pair: MuxPair) => Promise<void>): Promise<void>;
}

const KIB = 1024;
const MESSAGE_MAX = LIMITS.frameMaxBytes.value;
const NEVER = new AbortController().signal;
const NOTHING = new Uint8Array(0);

/** A stream opened by one side and accepted by the other. */
async function connectStream(
  { a, b }: MuxPair,
  streamClass: StreamClass = 'interactive',
): Promise<[Stream, Stream]> {
  const opened = await a.open('rpc', { streamClass, opening: NOTHING });
  return [opened, await b.accept(NEVER)];
}

/** Takes the contents of the next message. */
async function take(stream: Stream): Promise<Uint8Array> {
  const message = (await stream.receive()) as StreamMessage;
  const bytes = message.bytes.slice();
  message.release();
  return bytes;
}

/** What every mux must do, whatever carries it. */
export function muxSuite(name: string, { seed, run }: MuxSuiteOptions): void {
  function case_(title: string, test: (pair: MuxPair) => Promise<void>): void {
    const body = async (pair: MuxPair) => {
      try {
        await test(pair);
      } finally {
        await Promise.all([pair.a.close(), pair.b.close()]);
      }
    };
    it(title, () => run(body));
  }

  describe(`mux: ${name}`, () => {
    case_('messages of all sizes arrive once, in order, unchanged, and are released once', async (pair) => {
      const random = new Seeded(seed);
      const sizes = [0, 1, 511, 512, 513, 4 * KIB, 65_535, 65_536, 65_537, 1024 * KIB, MESSAGE_MAX, 0, 7];
      for (const streamClass of ['control', 'interactive', 'bulk', 'background'] as const) {
        const [opened, accepted] = await connectStream(pair, streamClass);
        assert.equal(accepted.streamClass, streamClass);
        const messages = sizes.map((size) => random.bytes(size));
        const released = messages.map(() => 0);
        const sending = Promise.all(
          messages.map((bytes, i) => {
            const middle = bytes.byteLength >> 1;
            return opened.send([bytes.subarray(0, middle), NOTHING, bytes.subarray(middle)], () => {
              released[i] = (released[i] as number) + 1;
            });
          }),
        );
        for (const bytes of messages) assert.ok(equalBytes(await take(accepted), bytes));
        await sending;
        await opened.end();
        assert.equal(await accepted.receive(), null);
        await accepted.send([Uint8Array.of(1)]);
        assert.equal((await take(opened)).byteLength, 1); // by now everything before is acknowledged or soon will be
        await accepted.end();
        await until(pair.clock, () => released.every((count) => count >= 1));
        assert.ok(released.every((count) => count === 1));
      }
    });

    case_('streams in both directions do not mix', async (pair) => {
      const random = new Seeded(seed);
      await Promise.all(
        Array.from({ length: 24 }, async (_, number) => {
          const [from, to] = number % 2 === 0 ? [pair.a, pair.b] : [pair.b, pair.a];
          const streamClass = (['control', 'interactive', 'bulk', 'background'] as const)[
            number % 4
          ] as StreamClass;
          const opened = await from.open('transfer', { streamClass, opening: Uint8Array.of(number) });
          const accepted = await to.accept(NEVER);
          assert.equal(accepted.kind, 'transfer');
          const echo = async () => {
            for (
              let message = await accepted.receive();
              message !== null;
              message = await accepted.receive()
            ) {
              await accepted.send([accepted.opening, message.bytes.slice()]);
              message.release();
            }
            await accepted.end();
          };
          const ask = async () => {
            for (let round = 0; round < 10; round += 1) {
              const bytes = random.bytes(random.below(40 * KIB));
              await opened.send([bytes]);
              const answer = await take(opened);
              assert.ok(equalBytes(answer.subarray(1), bytes));
            }
            await opened.end();
            assert.equal(await opened.receive(), null);
          };
          await Promise.all([echo(), ask()]);
        }),
      );
    });

    case_('an opening reaches the other side, also a large one', async ({ a, b }) => {
      const random = new Seeded(seed);
      for (const size of [0, 1, 300 * KIB, LIMITS.messageMaxBytes.value]) {
        const opening = random.bytes(size);
        const opened = await a.open('lane', { streamClass: 'bulk', opening });
        const accepted = await b.accept(NEVER);
        assert.equal(accepted.id, opened.id);
        assert.equal(accepted.kind, 'lane');
        assert.ok(equalBytes(accepted.opening, opening));
        accepted.reset(new CausewayError('CW_CANCELLED', 'done'));
      }
      const opening = new Uint8Array(LIMITS.messageMaxBytes.value + 1);
      await assert.rejects(a.open('lane', { streamClass: 'bulk', opening }), { code: 'CW_LIMIT' });
    });

    case_('each direction ends by itself', async (pair) => {
      const [opened, accepted] = await connectStream(pair);
      await opened.send([Uint8Array.of(1)]);
      await opened.end();
      await accepted.send([Uint8Array.of(2)]);
      assert.deepEqual(await take(accepted), Uint8Array.of(1));
      assert.equal(await accepted.receive(), null);
      assert.equal(await accepted.receive(), null);
      assert.deepEqual(await take(opened), Uint8Array.of(2));
      await accepted.send([Uint8Array.of(3)]);
      await accepted.end();
      assert.deepEqual(await take(opened), Uint8Array.of(3));
      assert.equal(await opened.receive(), null);
      await assert.rejects(opened.send([NOTHING]), { code: 'CW_INTERNAL' });
    });

    case_('a reset ends both directions on both sides with its code', async (pair) => {
      for (const side of [0, 1] as const) {
        const ends = await connectStream(pair);
        const [resetter, other] = side === 0 ? ends : [ends[1], ends[0]];
        let released = 0;
        const calls = [
          resetter.receive(),
          other.receive(),
          // neither is ever taken by a consumer: more than the credit
          sendMuch(resetter, () => (released += 1)),
          sendMuch(other, () => (released += 1)),
        ];
        resetter.reset(new CausewayError('CW_DISK_FULL', 'no room'));
        for (const call of calls) await assert.rejects(call, { code: 'CW_DISK_FULL', message: 'no room' });
        for (const call of [
          resetter.send([NOTHING]),
          other.send([NOTHING]),
          resetter.end(),
          other.receive(),
        ]) {
          await assert.rejects(call, { code: 'CW_DISK_FULL' });
        }
        await until(pair.clock, () => released === 8);
      }
    });

    case_('disposing of a stream after its end lets the messages through, before it resets', async (pair) => {
      const [opened, accepted] = await connectStream(pair);
      await accepted.send([Uint8Array.of(9)]);
      await accepted.end();
      await accepted[Symbol.asyncDispose]();
      assert.deepEqual(await take(opened), Uint8Array.of(9));
      assert.equal(await opened.receive(), null);
      await opened.send([NOTHING]).catch(() => undefined); // nobody takes it
      await until(pair.clock, async () => {
        const end = opened.send([NOTHING]).then(
          () => null,
          (error: CausewayError) => error.code,
        );
        return (await end) === 'CW_LINK_STREAM_RESET';
      });
      const [second, taken] = await connectStream(pair);
      await second[Symbol.asyncDispose]();
      await assert.rejects(taken.receive(), { code: 'CW_LINK_STREAM_RESET' });
    });

    case_('a consumer that takes nothing does not hold up other streams', async (pair) => {
      const [stuck] = await connectStream(pair, 'bulk');
      void sendMuch(stuck, () => undefined).catch(() => undefined); // ends with the link
      const [opened, accepted] = await connectStream(pair, 'bulk');
      for (let round = 0; round < 20; round += 1) {
        const sending = opened.send([new Uint8Array(MESSAGE_MAX)]);
        assert.equal((await take(accepted)).byteLength, MESSAGE_MAX);
        await sending;
      }
    });

    case_('at most streamsMax streams of a side are open, and a closed one makes room', async ({ a, b }) => {
      const max = LIMITS.streamsMax.value;
      const opened: Stream[] = [];
      for (let i = 0; i < max; i += 1) {
        opened.push(await a.open('rpc', { streamClass: 'control', opening: NOTHING }));
      }
      const more = () => a.open('rpc', { streamClass: 'control', opening: NOTHING });
      await assert.rejects(more(), { code: 'CW_LIMIT' });
      await b.open('rpc', { streamClass: 'control', opening: NOTHING });
      const first = await b.accept(NEVER);
      await Promise.all([opened[0]?.end(), first.end()]);
      await opened[0]?.receive();
      await more();
      await assert.rejects(more(), { code: 'CW_LIMIT' });
    });

    case_('accept ends with its signal', async ({ a, b }) => {
      const gone = new AbortController();
      const accepting = b.accept(gone.signal);
      gone.abort();
      await assert.rejects(accepting, { code: 'CW_CANCELLED' });
      await assert.rejects(b.accept(gone.signal), { code: 'CW_CANCELLED' });
      const opened = await a.open('ping', { streamClass: 'control', opening: NOTHING });
      assert.equal((await b.accept(NEVER)).id, opened.id);
    });

    case_('closing one side ends every call on both', async (pair) => {
      const { a, b } = pair;
      const [opened, accepted] = await connectStream(pair);
      let released = 0;
      const calls = [
        a.accept(NEVER),
        b.accept(NEVER),
        opened.receive(),
        accepted.receive(),
        sendMuch(opened, () => (released += 1)),
        sendMuch(accepted, () => (released += 1)),
      ];
      await a.close();
      for (const call of calls) await assert.rejects(call, { code: 'CW_LINK_CLOSED' });
      assert.equal((await a.closed).error.code, 'CW_LINK_CLOSED');
      assert.equal((await b.closed).error.code, 'CW_LINK_CLOSED');
      for (const mux of [a, b]) {
        await assert.rejects(mux.open('rpc', { streamClass: 'bulk', opening: NOTHING }), {
          code: 'CW_LINK_CLOSED',
        });
        await assert.rejects(mux.accept(NEVER), { code: 'CW_LINK_CLOSED' });
      }
      for (const call of [opened.send([NOTHING], () => (released += 1)), opened.end(), accepted.receive()]) {
        await assert.rejects(call, { code: 'CW_LINK_CLOSED' });
      }
      await until(pair.clock, () => released === 9);
    });

    case_('what was sent before an orderly close is delivered', async (pair) => {
      const [opened, accepted] = await connectStream(pair);
      await opened.send([new Uint8Array(10_000)]);
      await opened.end();
      await pair.a.close();
      assert.equal((await take(accepted)).byteLength, 10_000);
      assert.equal(await accepted.receive(), null);
    });
  });
}

/** Four messages, which no first credit covers. */
function sendMuch(stream: Stream, onReleased: () => void): Promise<unknown> {
  const bytes = new Uint8Array(MESSAGE_MAX);
  const sends = Array.from({ length: 4 }, () => stream.send([bytes], onReleased));
  const all = Promise.all(sends).then((done) => {
    if (done.length > 0) throw new Error('more was sent than the peer may hold');
  });
  return observed(all);
}

/** Waits for a condition; a test that waits in vain is ended by the runner's time limit. */
async function until(clock: Clock, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await clock.sleep(1);
}
