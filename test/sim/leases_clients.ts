import { HeldLeases } from '../../src/cache/lease/held_leases.ts';
import { LEASE } from '../../src/cache/lease/lease_kinds.ts';
import type { Dice } from '../../src/world/sim/dice.ts';
import type { History, WriteRecord } from './leases_history.ts';
import type { Bug, FromHost, ToHost } from './leases_scenario.ts';

/** What a client does through the simulation. */
export interface ClientPorts {
  readonly dice: Dice;
  readonly history: History;
  readonly bug: Bug | null;
  readonly nowMs: () => number;
  readonly after: (delayMs: number, call: () => void) => void;
  readonly send: (message: ToHost) => void;
  readonly nextVersion: () => number;
}

interface Writing {
  readonly record: WriteRecord;
  readonly file: string;
  epoch: number;
  /** What is written, and not sent. */
  isDirty: boolean;
}

/** Answers that did not come by then do not come any more. */
const PATIENCE_MS = 60_000;

/** One client with a cache: opens, reads and closes, or opens, writes and closes one file after the other. */
export class Client {
  readonly name: string;
  readonly #ports: ClientPorts;
  readonly #held = new HeldLeases<string>();
  readonly #kept = new Map<string, readonly [number, number]>();
  readonly #asked = new Map<number, (answer: Extract<FromHost, { kind: 'answer' }>) => void>();
  #writing: Writing | null = null;
  /** What it writes, from before the open until the close has its answer. */
  #begun: WriteRecord | null = null;
  #lastQuestion = 0;
  /** Numbers what it does, so that what is over is not gone on with. */
  #turn = 0;
  /** Its clock runs at another speed, and jumps. */
  #aheadMs = 0;
  readonly #speed: number;
  left: number;
  local = 0;
  failed = 0;

  constructor(name: string, operations: number, ports: ClientPorts) {
    this.name = name;
    this.left = operations;
    this.#ports = ports;
    this.#speed = ports.dice.between(90, 110) / 100;
  }

  start(): void {
    this.#renew();
    this.#next();
  }

  jumps(forwardMs: number): void {
    this.#aheadMs += forwardMs;
  }

  /** It knows that its link is gone; with `isOver` nothing that it has sent arrives any more. */
  cut(isOver = true): void {
    const { history, nowMs } = this.#ports;
    this.#held.reset();
    this.#asked.clear();
    if (isOver && this.#begun !== null) history.failed(this.#begun, nowMs());
    this.#begun = null;
    this.#writing = null;
    this.failed += 1;
    this.#next();
  }

  take(message: FromHost): void {
    if (message.kind === 'break') return this.#broken(message);
    const answered = this.#asked.get(message.question);
    this.#asked.delete(message.question);
    answered?.(message);
  }

  get #clockMs(): number {
    return this.#ports.nowMs() * this.#speed + this.#aheadMs;
  }

  #next(): void {
    this.#turn += 1;
    const turn = this.#turn;
    const { after, dice } = this.#ports;
    if (this.left <= 0) return;
    this.left -= 1;
    after(dice.between(1, 40), () => {
      if (turn !== this.#turn) return;
      const file = dice.pick(this.#ports.bug === null ? ['f', 'g', 'h'] : ['f']);
      if (dice.chance(0.75)) this.#read(file);
      else this.#write(file);
    });
  }

  #ask(question: ToHost['ask'], answered: (answer: Extract<FromHost, { kind: 'answer' }>) => void): void {
    const { send, after } = this.#ports;
    this.#lastQuestion += 1;
    const number = this.#lastQuestion;
    const turn = this.#turn;
    const askedMs = this.#clockMs;
    this.#asked.set(number, (answer) => {
      this.#held.answered(askedMs);
      if (question.kind === 'renew' || turn === this.#turn) answered(answer);
    });
    send({ question: number, ask: question });
    if (question.kind === 'renew') return;
    after(PATIENCE_MS, () => {
      if (this.#asked.delete(number) && turn === this.#turn) this.cut(false);
    });
  }

  #renew(): void {
    this.#ports.after(2_000, () => {
      if (this.#held.size > 0) this.#ask({ kind: 'renew' }, () => undefined);
      if (this.left > 0) this.#renew();
    });
  }

  #holds(file: string): boolean {
    const kinds = LEASE.read | LEASE.handle;
    const atMs = this.#ports.bug === 'no-term' ? Number.NEGATIVE_INFINITY : this.#clockMs;
    return this.#held.holds(file, kinds, atMs) && this.#kept.has(file);
  }

  #read(file: string): void {
    const { nowMs, after, dice } = this.#ports;
    const startMs = nowMs();
    const kept = this.#holds(file) ? this.#kept.get(file) : undefined;
    if (kept !== undefined) {
      this.local += 1;
      return this.#hasRead(file, startMs, kept);
    }
    const askedMs = this.#clockMs;
    this.#ask({ kind: 'open', file, isWrite: false }, ({ halves, given }) => {
      this.#held.given(file, given, askedMs);
      this.#kept.set(file, halves);
      const turn = this.#turn;
      after(dice.between(0, 30), () => {
        if (turn !== this.#turn) return; // the link was cut
        if (this.#holds(file)) return this.#hasRead(file, startMs, halves);
        this.#ask({ kind: 'read', file }, (again) => this.#hasRead(file, startMs, again.halves));
      });
    });
  }

  #hasRead(file: string, startMs: number, halves: readonly [number, number]): void {
    const { history, nowMs } = this.#ports;
    history.read({ file, client: this.name, startMs, endMs: nowMs(), halves });
    this.#next();
  }

  #write(file: string): void {
    const { history, nowMs, after, dice, nextVersion } = this.#ports;
    const record = history.began(nextVersion(), file, nowMs());
    this.#begun = record;
    const askedMs = this.#clockMs;
    this.#ask({ kind: 'open', file, isWrite: true }, ({ given }) => {
      this.#held.given(file, given, askedMs);
      this.#kept.delete(file);
      this.#writing = { record, file, epoch: given.epoch, isDirty: true };
      const turn = this.#turn;
      after(dice.between(0, 60), () => {
        if (turn === this.#turn) this.#close();
      });
    });
  }

  /** All that was written goes out before the close, which tells whether it was taken. */
  #close(): void {
    const writing = this.#writing;
    if (writing === null) return;
    this.#flush();
    const { file, record, epoch } = writing;
    this.#ask({ kind: 'close', file, epoch }, ({ isTaken }) => {
      this.#writing = null;
      this.#begun = null;
      if (!isTaken) this.#ports.history.failed(record, this.#ports.nowMs());
      this.#held.lost(file); // it has another version now, of which nothing is kept
      if (isTaken) this.#ports.history.closed(record, this.#ports.nowMs());
      else this.failed += 1;
      this.#next();
    });
  }

  #flush(): void {
    const writing = this.#writing;
    if (writing === null || !writing.isDirty) return;
    writing.isDirty = false;
    const { file, epoch, record } = writing;
    for (const half of [0, 1] as const)
      this.#ports.send({ question: 0, ask: { kind: 'write', file, half, version: record.version, epoch } });
  }

  #broken({ file, epoch, kept }: Extract<FromHost, { kind: 'break' }>): void {
    this.#held.broken(file, epoch, kept);
    const writing = this.#writing;
    const isOfIt = writing !== null && writing.file === file && writing.epoch === epoch;
    if (isOfIt && (kept & LEASE.write) === 0) {
      this.#flush();
      writing.epoch = 0; // what comes later is of somebody without a lease
    }
    this.#ports.send({ question: 0, ask: { kind: 'kept', file, epoch, kept } });
  }
}
