import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { LineWindow } from './line_window.ts';

const MIB = 1024 * 1024;
const PIECE = 4 * 1024;

interface Line {
  readonly bytesPerMs: number;
  readonly roundTripMs: number;
}

/** What may wait in the line. */
const queueMs = (line: Line) => Math.max(LIMITS.lineQueueMs.value, line.roundTripMs / 2);

/** A sender that always has more, and a line that delivers in order at its rate; time passes in steps of a quarter ms. */
class Sender {
  readonly window = new LineWindow();
  line: Line;
  nowMs = 0;
  /** From when to when nothing at either end runs. */
  stall: (nowMs: number) => boolean = () => false;
  /** The window is kept to; otherwise this much is under way. */
  kept = true;
  #sent = 0;
  acknowledged = 0;
  #freeAtMs = 0;
  readonly #onTheWay: { readonly offset: number; readonly arrivesMs: number }[] = [];

  constructor(line: Line) {
    this.line = line;
  }

  get inFlight(): number {
    return this.#sent - this.acknowledged;
  }

  /** Runs for so long; the rate at which bytes arrived, and how much of the line waited in it on average. */
  run(forMs: number): { readonly bytesPerMs: number; readonly queuedMs: number } {
    const from = this.acknowledged;
    const endMs = this.nowMs + forMs;
    let queuedMs = 0;
    for (; this.nowMs < endMs; this.nowMs += 0.25) {
      queuedMs += Math.max(0, this.#freeAtMs - this.nowMs) * 0.25;
      if (this.stall(this.nowMs)) continue;
      this.#acknowledge();
      this.#send();
    }
    return { bytesPerMs: (this.acknowledged - from) / forMs, queuedMs: queuedMs / forMs };
  }

  #acknowledge(): void {
    let offset = 0;
    while (this.#onTheWay[0] && this.#onTheWay[0].arrivesMs <= this.nowMs)
      offset = this.#onTheWay.shift()!.offset;
    if (offset === 0) return;
    this.acknowledged = offset;
    this.window.acknowledged(offset, this.nowMs);
  }

  #send(): void {
    const most = Math.min(this.kept ? this.window.sizeBytes : Number.POSITIVE_INFINITY, 8 * MIB);
    while (this.inFlight + PIECE <= Math.max(most, PIECE)) {
      this.#sent += PIECE;
      this.#freeAtMs = Math.max(this.#freeAtMs, this.nowMs) + PIECE / this.line.bytesPerMs;
      this.#onTheWay.push({ offset: this.#sent, arrivesMs: this.#freeAtMs + this.line.roundTripMs });
      this.window.sent(this.#sent, this.acknowledged, this.kept, this.nowMs);
    }
  }
}

describe('LineWindow', () => {
  for (const [name, line] of [
    ['10 MiB/s next door', { bytesPerMs: 10_486, roundTripMs: 0.5 }],
    ['10 MiB/s across a country', { bytesPerMs: 10_486, roundTripMs: 40 }],
    ['1 MiB/s', { bytesPerMs: 1_049, roundTripMs: 5 }],
    ['100 MiB/s', { bytesPerMs: 104_858, roundTripMs: 2 }],
  ] as const) {
    it(`fills a line and lets hardly anything wait in it: ${name}`, () => {
      const sender = new Sender(line);
      sender.run(12_000);
      const { bytesPerMs, queuedMs } = sender.run(30_000);
      assert.ok(bytesPerMs >= 0.97 * line.bytesPerMs, `${bytesPerMs}`);
      const least = LIMITS.lineWindowMinBytes.value / line.bytesPerMs;
      assert.ok(queuedMs <= 1.5 * Math.max(queueMs(line), least), `${queuedMs} ms`);
    });
  }

  it('finds the shortest round trip although a queue stood in the line before it was kept to', () => {
    const sender = new Sender({ bytesPerMs: 10_486, roundTripMs: 1 });
    sender.kept = false;
    sender.run(30_000);
    assert.ok(sender.inFlight > 7 * MIB);
    sender.kept = true;
    sender.run(3_000);
    assert.ok(sender.run(5_000).queuedMs < 1.5 * queueMs(sender.line));
  });

  it('follows a line that becomes faster, slower or longer', () => {
    const sender = new Sender({ bytesPerMs: 5_000, roundTripMs: 2 });
    sender.run(5_000);
    for (const line of [
      { bytesPerMs: 40_000, roundTripMs: 2 },
      { bytesPerMs: 3_000, roundTripMs: 2 },
      { bytesPerMs: 10_000, roundTripMs: 80 },
    ]) {
      sender.line = line;
      sender.run(25_000);
      const { bytesPerMs, queuedMs } = sender.run(10_000);
      assert.ok(bytesPerMs > 0.9 * line.bytesPerMs, `${bytesPerMs} of ${line.bytesPerMs}`);
      assert.ok(queuedMs < 2 * queueMs(line), `${queuedMs} ms at ${line.bytesPerMs}`);
    }
  });

  it('keeps most of the rate where the ends stand still for a while again and again', () => {
    const sender = new Sender({ bytesPerMs: 50_000, roundTripMs: 1 });
    sender.stall = (nowMs) => nowMs % 100 < 40;
    sender.run(10_000);
    // what a line may hold passes it while the ends stand still: more than three quarters of 60 in 100 ms
    assert.ok(sender.run(20_000).bytesPerMs > 0.5 * 50_000);
  });

  it('knows nothing of a new line', () => {
    const sender = new Sender({ bytesPerMs: 5_000, roundTripMs: 2 });
    assert.equal(sender.window.sizeBytes, Number.POSITIVE_INFINITY);
    sender.run(1_000);
    assert.ok(sender.window.sizeBytes < MIB);
    sender.window.reset();
    assert.equal(sender.window.sizeBytes, Number.POSITIVE_INFINITY);
  });

  it('does not take a pause of the sender for a slow line', () => {
    const window = new LineWindow();
    let at = 0;
    const round = (bytes: number, idleMs: number, nowMs: number) => {
      window.busy(nowMs);
      window.sent(at + bytes, at, true, nowMs);
      at += bytes;
      window.idle(nowMs + 1 - idleMs);
      window.acknowledged(at, nowMs + 1);
    };
    for (let nowMs = 0; nowMs < 3_000; nowMs += 1) round(10_000, 0, nowMs);
    const before = window.sizeBytes;
    for (let nowMs = 3_000; nowMs < 6_000; nowMs += 10) round(10, 0.5, nowMs);
    assert.ok(window.sizeBytes >= before / 1.25, `${window.sizeBytes} of ${before}`);
  });
});
