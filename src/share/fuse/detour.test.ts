// Two ends of a detour, whose connection opens, breaks and opens again at any moment. SEED=N repeats one order of events.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { decodeDetourMark } from '../../wire/mount_detour.ts';
import type { DetourPipe, Parcel } from '../../world/mounts.ts';
import { Detour } from './detour.ts';

const ORDERS = 300;
const STEPS = 400;

/** Numbers that a seed leads to (mulberry32). */
function diceOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface PipeMessage {
  readonly received: number;
  readonly bytes: Uint8Array | null;
}

class End {
  readonly detour: Detour<Parcel>;
  readonly linkOut: Uint8Array[] = [];
  readonly taken: number[] = [];
  released = 0;
  sent = 0;
  settled = 0;
  /** What is on its way to this end over the connection; null while it has none. */
  pipeIn: PipeMessage[] | null = null;

  constructor(leads: boolean) {
    this.detour = new Detour(
      {
        link: ({ parts, release }) => {
          this.linkOut.push(parts[0] as Uint8Array);
          release();
        },
        say: (word) => void this.linkOut.push(word),
        take: (bytes) => this.#take(bytes),
        settled: () => {
          this.settled += 1;
        },
      },
      leads,
    );
  }

  send(): void {
    const bytes = new Uint8Array(32); // longer than a word, and none
    new DataView(bytes.buffer).setUint32(24, this.sent, true);
    this.sent += 1;
    this.detour.send({
      parts: [bytes],
      release: () => {
        this.released += 1;
      },
    });
  }

  /** A message of the link arrives. */
  hear(message: Uint8Array): void {
    const mark = decodeDetourMark(message);
    if (mark === null) this.#take(message);
    else if (mark.mark === 'switch' || mark.mark === 'lost') this.detour.hear(mark);
  }

  open(other: End): void {
    const arriving: PipeMessage[] = [];
    this.pipeIn = [];
    const pipe: DetourPipe = {
      send: (received, parts) => void arriving.push({ received, bytes: parts[0] ?? null }),
      close: () => {
        this.pipeIn = null;
      },
    };
    this.outgoing = { arriving, other };
    this.detour.opened(pipe);
  }

  outgoing: { readonly arriving: PipeMessage[]; readonly other: End } | null = null;

  #take(bytes: Uint8Array): void {
    this.taken.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true));
  }
}

function play(seed: number): void {
  const dice = diceOf(seed);
  const ends = [new End(true), new End(false)] as const;
  const [first, second] = ends;
  let attempt = 0; // both ends are open: 3
  const isQuiet = () => ends.every(({ linkOut }) => linkOut.length === 0);
  const deliverLink = (end: End) => {
    const message = end.linkOut.shift();
    if (message !== undefined) (end === first ? second : first).hear(message);
  };
  const deliverPipe = (end: End) => {
    const from = end === first ? second : first;
    if (end.pipeIn === null || !end.detour.takesPipe) return;
    const message = from.outgoing?.arriving.shift();
    if (message !== undefined) end.detour.heard(message.received, message.bytes);
  };
  const cut = (end: End) => {
    if (end.pipeIn === null) return;
    end.pipeIn = null;
    end.detour.failed();
  };
  const open = (index: 0 | 1) => {
    // a next connection is sought once the last one is over on both sides
    if (attempt === 3 || (attempt & (1 << index)) !== 0) {
      if (attempt !== 3 || !isQuiet() || ends.some(({ pipeIn }) => pipeIn !== null)) return;
      attempt = 0;
    }
    attempt |= 1 << index;
    const end = ends[index];
    end.detour.begins();
    end.open(ends[1 - index] as End);
  };
  for (let step = 0; step < STEPS; step += 1) {
    const end = ends[dice(2)] as End;
    const what = dice(20);
    if (what < 6) end.send();
    else if (what < 11) deliverLink(end);
    else if (what < 16) deliverPipe(end);
    else if (what < 19) open(dice(2) as 0 | 1);
    else cut(end);
  }
  for (const end of ends) cut(end);
  while (!isQuiet()) for (const end of ends) deliverLink(end);
  for (const [index, end] of ends.entries()) {
    const { taken } = ends[1 - index] as End;
    assert.deepEqual(taken, [...Array(end.sent).keys()], `seed ${seed}: each arrives once and in order`);
    assert.equal(end.released, end.sent, `seed ${seed}: all memory is given back`);
  }
}

it('loses nothing, brings nothing twice and keeps the order, whenever the connection opens and breaks', () => {
  const given = process.env['SEED'];
  if (given !== undefined) return play(Number(given));
  for (let seed = 1; seed <= ORDERS; seed += 1) play(seed);
});

it('goes past the link once both ends are there, and tells now and then what has come', () => {
  const [first, second] = [new End(true), new End(false)];
  first.detour.begins();
  second.detour.begins();
  first.open(second);
  assert.ok(first.detour.isDirect);
  second.hear(first.linkOut.shift() as Uint8Array);
  assert.ok(!second.detour.isDirect, 'it has no connection yet');
  second.open(first);
  assert.ok(second.detour.isDirect && second.detour.takesPipe);
  for (let count = 0; count < 100; count += 1) first.send();
  for (const { received, bytes } of first.outgoing?.arriving ?? []) second.detour.heard(received, bytes);
  assert.equal(second.taken.length, 100);
  for (const { received, bytes } of second.outgoing?.arriving ?? []) first.detour.heard(received, bytes);
  assert.ok(first.released >= 80, `${first.released} were heard of`);
});

it('hears of answers before so many wait for it that no further request is served', () => {
  const { mountUntoldMax, mountAnswersFreeMin, mountSlotsMax } = LIMITS;
  assert.ok(mountUntoldMax.value + mountAnswersFreeMin.value <= mountSlotsMax.value);
});

it('refuses an end that hears of more than was sent, or changes twice', () => {
  const end = new End(false);
  assert.throws(() => end.detour.hear({ mark: 'lost', messages: 1 }), { code: 'CW_WIRE_MALFORMED' });
  const other = new End(false);
  other.detour.hear({ mark: 'switch' });
  assert.throws(() => other.detour.hear({ mark: 'switch' }), { code: 'CW_WIRE_MALFORMED' });
});
