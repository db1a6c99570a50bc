import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { Inbox } from './inbox.ts';

const closed = () => new CausewayError('CW_LINK_CLOSED', 'closed');

/** A small generator, so that a failing seed can be run again: SEED=n. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A socket as Node drives one: it fills the buffer that it got last, and asks for the next after each time. */
class FakeSocket {
  sent = 0;
  stopped = false;
  #buffer: Uint8Array;
  readonly #inbox: Inbox;

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
    this.#buffer = inbox.nextBuffer();
    inbox.onRoom = () => {
      this.stopped = false;
    };
  }

  deliver(count: number): void {
    const fits = Math.min(count, this.#buffer.byteLength);
    for (let i = 0; i < fits; i++) this.#buffer[i] = (this.sent + i) & 0xff;
    this.sent += fits;
    const goOn = this.#inbox.landed(fits, this.#buffer);
    this.#buffer = this.#inbox.nextBuffer();
    if (!goOn) this.stopped = true;
  }

  deliverOwn(count: number): void {
    const bytes = Uint8Array.from({ length: count }, (_, i) => (this.sent + i) & 0xff);
    this.sent += count;
    if (!this.#inbox.arrived(bytes)) this.stopped = true;
  }
}

test('bytes keep their order and none is lost, whatever the sizes of reads and arrivals', async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const dice = mulberry(seed);
  const below = (limit: number) => Math.floor(dice() * limit);
  const inbox = new Inbox();
  const socket = new FakeSocket(inbox);
  let got = 0;
  for (let round = 0; round < 600; round++) {
    for (let burst = below(4); burst > 0 && !socket.stopped; burst--) {
      const count = 1 + below(dice() < 0.5 ? 100 : 70_000);
      if (dice() < 0.8) socket.deliver(count);
      else socket.deliverOwn(count);
    }
    const size = 1 + below(dice() < 0.5 ? 40 : 200_000);
    const minBytes = 1 + below(size);
    const memory = new Uint8Array(size + 2).fill(0x77);
    const read = inbox.read(memory.subarray(1, size + 1), minBytes);
    let count = -1;
    read.then((value) => {
      count = value;
    });
    for (;;) {
      await Promise.resolve();
      if (count >= 0) break;
      assert.equal(socket.stopped, false, `seed ${seed}: stopped while a read waits`);
      socket.deliver(1 + below(30_000));
    }
    const context = `seed ${seed}, round ${round}`;
    assert.ok(count >= minBytes && count <= size, context);
    assert.deepEqual([memory[0], memory[size + 1]], [0x77, 0x77], context);
    for (let i = 0; i < count; i++)
      if (memory[1 + i] !== ((got + i) & 0xff)) assert.fail(`${context}: byte ${i} of ${count}`);
    got += count;
  }
  assert.ok(got <= socket.sent);
});

test('memory that was read into is not touched afterwards', async () => {
  const inbox = new Inbox();
  const socket = new FakeSocket(inbox);
  const into = new Uint8Array(100_000);
  const read = inbox.read(into, 10);
  socket.deliver(20);
  assert.equal(await read, 20);
  into.fill(0x55);
  socket.deliver(50_000);
  assert.ok(into.every((byte) => byte === 0x55));
});

test('a socket is stopped at the limit and goes on when half was read', async () => {
  const inbox = new Inbox();
  const socket = new FakeSocket(inbox);
  while (!socket.stopped) socket.deliver(60_000);
  assert.ok(socket.sent <= LIMITS.connBufferMaxBytes.value + 64 * 1024);
  await inbox.read(new Uint8Array(1000), 1000);
  assert.equal(socket.stopped, true);
  await inbox.read(new Uint8Array(200_000), 200_000);
  assert.equal(socket.stopped, false);
});

test('what arrived before a cut or an end can be read, then the cut or 0', async () => {
  for (const how of ['end', 'fail'] as const) {
    const inbox = new Inbox();
    inbox.arrived(Uint8Array.of(1, 2, 3));
    if (how === 'end') inbox.end();
    else inbox.fail(closed());
    assert.equal(await inbox.read(new Uint8Array(2), 2), 2);
    const rest = inbox.read(new Uint8Array(5), 5);
    if (how === 'end') assert.equal(await rest, 1);
    else await assert.rejects(rest, { code: 'CW_LINK_CLOSED' });
  }
});

test('close rejects a pending read and drops what was kept', async () => {
  const inbox = new Inbox();
  const read = inbox.read(new Uint8Array(5), 5);
  inbox.arrived(Uint8Array.of(1));
  inbox.close(closed());
  await assert.rejects(read, { code: 'CW_LINK_CLOSED' });
  assert.equal(inbox.arrived(Uint8Array.of(2)), false);
  await assert.rejects(inbox.read(new Uint8Array(1), 1), { code: 'CW_LINK_CLOSED' });
});
