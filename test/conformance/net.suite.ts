import assert from 'node:assert/strict';
import { equalBytes } from '../../src/base/bytes.ts';
import { asCausewayError, CausewayError } from '../../src/base/errors.ts';
import type { Conn, Endpoint } from '../../src/world/net.ts';
import { type Area, type Case, patterned, registerCases, rejectsWith, type WorldHarness } from './harness.ts';
import { connectPair, DIAL, LOOPBACK, readExactly, withPair } from './pair.ts';

/** More than any socket buffers on the way. */
const BLOCKING_BYTES = 48 * 1024 * 1024;

const endpoints = (area: Area): Endpoint[] => [LOOPBACK, { kind: 'unix', path: `${area.folder}/socket` }];

/** Runs `body` over TCP and over a Unix socket. */
function overBoth(body: (area: Area, endpoint: Endpoint) => Promise<void>): Case[1] {
  return async (area) => {
    for (const endpoint of endpoints(area)) await body(area, endpoint);
  };
}

async function expectClosed(promise: Promise<unknown>): Promise<void> {
  await rejectsWith(promise, 'CW_LINK_CLOSED');
}

/** What the law of {@link Conn} allows a pending read to do when its own side closes. */
async function expectUnblocked(read: Promise<number>): Promise<void> {
  const outcome = await read.catch((error: unknown) => asCausewayError(error).code);
  assert.ok(outcome === 0 || outcome === 'CW_LINK_CLOSED', `the read ended with ${outcome}`);
}

const BYTES: readonly Case[] = [
  [
    'carries bytes both ways',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        await dialer.write([Buffer.from('to the '), Buffer.alloc(0), Buffer.from('server')]);
        assert.equal(Buffer.from(await readExactly(acceptor, 13)).toString(), 'to the server');
        await acceptor.write([Buffer.from('back')]);
        assert.equal(Buffer.from(await readExactly(dialer, 4)).toString(), 'back');
      }),
    ),
  ],
  [
    'describes the peer, and knows no fingerprint without TLS',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        for (const { peer } of [dialer, acceptor]) {
          assert.match(peer.description, endpoint.kind === 'tcp' ? /^tcp / : /^unix/);
          assert.deepEqual([peer.fingerprint, peer.tlsGroup, peer.tlsCipher], [null, null, null]);
        }
      }),
    ),
  ],
  [
    'waits for at least the bytes asked for',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        const into = new Uint8Array(10);
        const read = acceptor.read(into, 6);
        await dialer.write([Buffer.from('abc')]);
        await dialer.write([Buffer.from('def')]);
        await dialer.write([Buffer.from('ghij')]);
        const count = await read;
        assert.ok(count >= 6 && count <= 10);
        const rest = await readExactly(acceptor, 10 - count);
        assert.equal(Buffer.concat([into.subarray(0, count), rest]).toString(), 'abcdefghij');
      }),
    ),
  ],
  [
    'reads no further than the array',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        await dialer.write([Buffer.from('abcdefghij')]);
        const memory = new Uint8Array(6).fill(0x2e);
        assert.equal(await acceptor.read(memory.subarray(1, 4), 3), 3);
        assert.equal(Buffer.from(memory).toString(), '.abc..');
        assert.equal(Buffer.from(await readExactly(acceptor, 7)).toString(), 'defghij');
      }),
    ),
  ],
  [
    'carries much in both directions at once, intact, while arrays are reused',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        const total = 3_000_000;
        const send = async (conn: Conn, salt: number): Promise<void> => {
          const source = patterned(total, salt);
          const buffer = new Uint8Array(70_001);
          for (let at = 0; at < total; at += buffer.byteLength) {
            const piece = source.subarray(at, at + buffer.byteLength);
            buffer.set(piece);
            const half = piece.byteLength >> 1;
            await conn.write([buffer.subarray(0, half), buffer.subarray(half, piece.byteLength)]);
          }
        };
        const receive = async (conn: Conn, salt: number): Promise<void> => {
          assert.ok(equalBytes(await readExactly(conn, total), patterned(total, salt)));
        };
        await Promise.all([send(dialer, 1), send(acceptor, 2), receive(dialer, 2), receive(acceptor, 1)]);
      }),
    ),
  ],
  [
    'holds a writer back while nobody reads',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        let written = false;
        const writing = dialer.write([new Uint8Array(BLOCKING_BYTES)]).then(() => {
          written = true;
        });
        await readExactly(acceptor, 1);
        assert.equal(written, false);
        await readExactly(acceptor, BLOCKING_BYTES - 1);
        await writing;
      }),
    ),
  ],
];

const ENDS: readonly Case[] = [
  [
    'gives what came before the end, then 0',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        await dialer.write([Buffer.from('abc')]);
        await dialer.close();
        const into = new Uint8Array(10);
        assert.equal(await acceptor.read(into, 10), 3);
        assert.equal(Buffer.from(into.subarray(0, 3)).toString(), 'abc');
        assert.equal(await acceptor.read(into, 1), 0);
        assert.equal(await acceptor.read(into, 10), 0);
      }),
    ),
  ],
  [
    'ends a pending read when the peer closes',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        const read = acceptor.read(new Uint8Array(4), 1);
        await dialer.close();
        assert.equal(await read, 0);
      }),
    ),
  ],
  [
    'unblocks a pending read by close',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer }) => {
        const read = expectUnblocked(dialer.read(new Uint8Array(4), 4));
        await dialer.close();
        await read;
      }),
    ),
  ],
  [
    'unblocks a pending write by close',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer }) => {
        const write = expectClosed(dialer.write([new Uint8Array(BLOCKING_BYTES)]));
        await dialer.close();
        await write;
      }),
    ),
  ],
  [
    'fails a pending write when the peer closes',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        const write = expectClosed(dialer.write([new Uint8Array(BLOCKING_BYTES)]));
        await readExactly(acceptor, 1);
        await acceptor.close();
        await write;
      }),
    ),
  ],
  [
    'rejects reads and writes after close, and closes twice',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer }) => {
        await dialer.close();
        await expectClosed(dialer.write([Buffer.from('x')]));
        await expectUnblocked(dialer.read(new Uint8Array(1), 1));
        await dialer.close();
        await dialer[Symbol.asyncDispose]();
      }),
    ),
  ],
  [
    'lets a writer learn that the peer is gone',
    overBoth(({ world }, endpoint) =>
      withPair(world, endpoint, async ({ dialer, acceptor }) => {
        await acceptor.close();
        const writing = (async () => {
          for (let i = 0; i < 1000; i += 1) {
            await dialer.write([new Uint8Array(100_000)]);
            await world.clock.sleep(1);
          }
        })();
        await expectClosed(writing);
      }),
    ),
  ],
];

const LISTENING: readonly Case[] = [
  [
    'tells the port that it was given',
    async ({ world }) => {
      const listener = await world.net.listen(LOOPBACK);
      const { endpoint } = listener;
      assert.ok(endpoint.kind === 'tcp' && endpoint.port > 0 && endpoint.port < 65_536);
      await listener.close();
    },
  ],
  [
    'accepts several connections, also those made before it was asked to',
    overBoth(async ({ world }, endpoint) => {
      const listener = await world.net.listen(endpoint);
      const dialed = await Promise.all([1, 2, 3].map(() => world.net.dial(listener.endpoint, DIAL)));
      for (const [at, conn] of dialed.entries()) await conn.write([Uint8Array.of(at)]);
      const seen: number[] = [];
      for (const _ of dialed) {
        const conn = await listener.accept();
        seen.push((await readExactly(conn, 1))[0] as number);
        await conn.close();
      }
      assert.deepEqual(seen.sort(), [0, 1, 2]);
      for (const conn of dialed) await conn.close();
      await listener.close();
    }),
  ],
  [
    'ends a pending accept by close, and accepts no more',
    overBoth(async ({ world }, endpoint) => {
      const listener = await world.net.listen(endpoint);
      const accepting = expectClosed(listener.accept());
      await listener.close();
      await accepting;
      await expectClosed(listener.accept());
      await listener.close();
    }),
  ],
  [
    'keeps accepted connections when the listener closes',
    overBoth(async ({ world }, endpoint) => {
      const { listener, dialer, acceptor } = await connectPair(world, endpoint);
      await listener.close();
      await dialer.write([Buffer.from('x')]);
      await readExactly(acceptor, 1);
      await dialer.close();
      await acceptor.close();
    }),
  ],
  [
    'takes no address that another listener has',
    overBoth(async ({ world }, endpoint) => {
      const listener = await world.net.listen(endpoint);
      await rejectsWith(world.net.listen(listener.endpoint), 'CW_LINK_BUSY');
      const conn = await world.net.dial(listener.endpoint, DIAL);
      await conn.close();
      await listener.close();
    }),
  ],
  [
    'takes an address again after it was given back',
    overBoth(async ({ world }, endpoint) => {
      const first = await world.net.listen(endpoint);
      await first.close();
      const second = await world.net.listen(first.endpoint);
      const conn = await world.net.dial(second.endpoint, DIAL);
      await conn.close();
      await second.close();
    }),
  ],
  [
    'refuses where nothing listens',
    async ({ world, folder }) => {
      const listener = await world.net.listen(LOOPBACK);
      await listener.close();
      await rejectsWith(world.net.dial(listener.endpoint, DIAL), 'CW_LINK_REFUSED');
      await rejectsWith(world.net.dial({ kind: 'unix', path: `${folder}/none` }, DIAL), 'CW_LINK_REFUSED');
    },
  ],
  [
    'does not dial for a signal that is aborted',
    async ({ world }) => {
      const listener = await world.net.listen(LOOPBACK);
      const late = new CausewayError('CW_CANCELLED', 'no longer wanted');
      const dialing = world.net.dial(listener.endpoint, { ...DIAL, signal: AbortSignal.abort(late) });
      await rejectsWith(dialing, 'CW_CANCELLED');
      await listener.close();
    },
  ],
];

/** Every method of `Net` without TLS, `Conn` and `Listener`. */
export function netSuite(harness: WorldHarness): void {
  registerCases(harness, 'net, bytes', BYTES);
  registerCases(harness, 'net, ends', ENDS);
  registerCases(harness, 'net, listening', LISTENING);
}
