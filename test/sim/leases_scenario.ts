import { LEASE, type LeaseGiven } from '../../src/cache/lease/lease_kinds.ts';
import { type LeaseEffect, LeaseTable } from '../../src/cache/lease/lease_table.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { Client } from './leases_clients.ts';
import { History } from './leases_history.ts';

/** Mistakes that the check must find. */
export const BUGS = ['no-wait', 'no-term', 'no-fence', 'grants-to-all'] as const;
export type Bug = (typeof BUGS)[number];

/** What a client says; question 0 wants no answer. */
export interface ToHost {
  readonly question: number;
  readonly ask:
    | { readonly kind: 'open'; readonly file: string; readonly isWrite: boolean }
    | { readonly kind: 'read'; readonly file: string }
    | {
        readonly kind: 'write';
        readonly file: string;
        readonly half: 0 | 1;
        readonly version: number;
        readonly epoch: number;
      }
    | { readonly kind: 'close'; readonly file: string; readonly epoch: number }
    | { readonly kind: 'kept'; readonly file: string; readonly epoch: number; readonly kept: number }
    | { readonly kind: 'renew' };
}

export type FromHost =
  | {
      readonly kind: 'answer';
      readonly question: number;
      readonly halves: readonly [number, number];
      readonly given: LeaseGiven;
      readonly isTaken: boolean;
    }
  | { readonly kind: 'break'; readonly file: string; readonly epoch: number; readonly kept: number };

export interface LeaseRun {
  readonly violations: readonly string[];
  readonly operations: number;
  readonly reads: number;
  readonly acked: number;
  /** Opens that asked nobody. */
  readonly local: number;
  readonly fenced: number;
  readonly refused: number;
  readonly virtualMs: number;
}

const NONE: LeaseGiven = { kinds: LEASE.none, epoch: 0 };

interface Seat {
  readonly client: Client;
  session: number;
  isUp: boolean;
  pausedUntilMs: number;
  /** When the last message arrives that is on its way: none overtakes another. */
  readonly arrivesMs: { up: number; down: number };
  /** Files that it has open for writing; how often. */
  readonly writes: Map<string, number>;
  /** Of files whose last lease was taken away: that epoch. */
  readonly fenced: Map<string, number>;
  /** A write was refused since the file was opened. */
  readonly refused: Set<string>;
}

/** Four clients that share files of one host, in virtual time: links that are cut, clients that stand still, clocks that jump. */
export class LeaseScenario {
  readonly #dice: Dice;
  readonly #bug: Bug | null;
  readonly #history = new History();
  readonly #table = new LeaseTable();
  readonly #files = new Map<string, [number, number]>();
  readonly #seats = new Map<string, Seat>();
  readonly #goes = new Map<string, () => void>();
  /** What happens next, by time: a heap. */
  readonly #queue = new EventQueue();
  #nowMs = 0;
  #lastClaim = 0;
  #lastVersion = 0;
  #fenced = 0;
  #refused = 0;

  constructor(seed: number, operations: number, bug: Bug | null = null) {
    this.#dice = Dice.fromSeed(seed).fork('leases');
    this.#bug = bug;
    for (const name of ['a', 'b', 'c', 'd']) {
      const dice = this.#dice.fork(name);
      const client = new Client(name, Math.ceil(operations / 4), {
        dice,
        bug,
        history: this.#history,
        nowMs: () => this.#nowMs,
        after: (delayMs, call) => this.#queue.add(this.#nowMs + delayMs, () => this.#asClient(name, call)),
        send: (message) => this.#send(name, message),
        nextVersion: () => {
          this.#lastVersion += 1;
          return this.#lastVersion;
        },
      });
      this.#seats.set(name, {
        client,
        session: 1,
        isUp: true,
        pausedUntilMs: 0,
        arrivesMs: { up: 0, down: 0 },
        writes: new Map(),
        fenced: new Map(),
        refused: new Set(),
      });
    }
  }

  run(): LeaseRun {
    const seats = [...this.#seats.entries()];
    for (const [name, { client }] of seats) {
      client.start();
      this.#trouble(name);
    }
    const total = seats.reduce((sum, [, { client }]) => sum + client.left, 0) + seats.length;
    while (this.#history.violations.length === 0) {
      const next = this.#queue.take();
      if (next === null) break;
      this.#nowMs = next.atMs;
      next.call();
    }
    const of = (each: (client: Client) => number) =>
      seats.reduce((sum, [, { client }]) => sum + each(client), 0);
    return {
      violations: this.#history.violations,
      operations: total - of(({ left }) => left),
      reads: this.#history.reads,
      acked: this.#history.acked,
      local: of(({ local }) => local),
      fenced: this.#fenced,
      refused: this.#refused,
      virtualMs: this.#nowMs,
    };
  }

  /** Something goes wrong with a client every few seconds. */
  #trouble(name: string): void {
    const dice = this.#dice.fork(`trouble ${name}`);
    const seat = this.#seat(name);
    const again = () => {
      if (seat.client.left <= 0) return;
      const what = dice.between(0, 3);
      if (what === 0) this.#cut(name, dice.chance(0.5), dice.between(10, 15_000));
      else if (what === 1)
        seat.pausedUntilMs = Math.max(seat.pausedUntilMs, this.#nowMs + dice.between(10, 20_000));
      else if (what === 2) seat.client.jumps(dice.between(1, 10_000));
      this.#queue.add(this.#nowMs + dice.between(500, 20_000), again);
    };
    this.#queue.add(dice.between(500, 20_000), again);
  }

  /** What is on its way is lost; the client may learn of it only when it is back. */
  #cut(name: string, isKnown: boolean, forMs: number): void {
    const seat = this.#seat(name);
    if (!seat.isUp) return;
    seat.isUp = false;
    seat.session += 1;
    if (isKnown) this.#asClient(name, () => seat.client.cut());
    this.#queue.add(this.#nowMs + forMs, () =>
      this.#asClient(name, () => {
        seat.client.cut();
        seat.isUp = true;
        seat.writes.clear();
        this.#perform(this.#table.forgotten(name)); // the first that it says on its new link
      }),
    );
  }

  #asClient(name: string, call: () => void): void {
    const { pausedUntilMs } = this.#seat(name);
    if (pausedUntilMs <= this.#nowMs) return call();
    this.#queue.add(pausedUntilMs, () => this.#asClient(name, call));
  }

  #seat(name: string): Seat {
    const seat = this.#seats.get(name);
    if (seat === undefined) throw new Error(`there is no client ${name}`);
    return seat;
  }

  #travel(name: string, way: 'up' | 'down', arrive: () => void): void {
    const seat = this.#seat(name);
    if (!seat.isUp) return;
    const { session, arrivesMs } = seat;
    arrivesMs[way] = Math.max(arrivesMs[way], this.#nowMs + this.#dice.between(1, 15));
    this.#queue.add(arrivesMs[way], () => {
      if (seat.session === session) arrive();
    });
  }

  #send(name: string, message: ToHost): void {
    this.#travel(name, 'up', () => this.#serve(name, message));
  }

  #tell(name: string, message: FromHost): void {
    const { session } = this.#seat(name);
    this.#travel(name, 'down', () =>
      this.#asClient(name, () => {
        if (this.#seat(name).session === session) this.#seat(name).client.take(message);
      }),
    );
  }

  #serve(name: string, { question, ask }: ToHost): void {
    const seat = this.#seat(name);
    const answer = (file: string, given: LeaseGiven = NONE, isTaken = true) => {
      const halves = [...this.#content(file)] as [number, number];
      this.#tell(name, { kind: 'answer', question, halves, given, isTaken });
    };
    if (ask.kind === 'renew') return answer('f');
    const { file } = ask;
    if (ask.kind === 'kept') return this.#perform(this.#table.acknowledged(name, file, ask.epoch, ask.kept));
    if (ask.kind === 'read') return answer(file);
    if (ask.kind === 'write') return this.#write(name, ask);
    if (ask.kind === 'close') {
      const count = (seat.writes.get(file) ?? 1) - 1;
      if (count <= 0) seat.writes.delete(file);
      else seat.writes.set(file, count);
      this.#perform(this.#table.acknowledged(name, file, ask.epoch, LEASE.none));
      return answer(file, NONE, !seat.refused.delete(file));
    }
    if (ask.isWrite) {
      seat.writes.set(file, (seat.writes.get(file) ?? 0) + 1);
      seat.refused.delete(file);
    }
    const { session } = seat;
    this.#claim(name, file, ask.isWrite, () => {
      if (seat.session !== session) return;
      const kinds = ask.isWrite ? LEASE.all : LEASE.read | LEASE.handle;
      answer(file, this.#table.ask(name, file, kinds, this.#othersWrite(name, file)));
    });
  }

  #othersWrite(name: string, file: string): boolean {
    if (this.#bug === 'grants-to-all') return false;
    return [...this.#seats].some(([other, { writes }]) => other !== name && writes.has(file));
  }

  #write(name: string, { file, half, version, epoch }: Extract<ToHost['ask'], { kind: 'write' }>): void {
    const seat = this.#seat(name);
    const isFenced = epoch !== 0 && epoch <= (seat.fenced.get(file) ?? 0);
    if (isFenced && this.#bug !== 'no-fence') {
      seat.refused.add(file);
      this.#refused += 1;
      return;
    }
    if (isFenced) this.#history.refusedTooLate(name, file, epoch);
    this.#content(file)[half] = version;
  }

  #claim(holder: string, file: string, isWrite: boolean, go: () => void): void {
    this.#lastClaim += 1;
    const id = `${this.#lastClaim}`;
    this.#goes.set(id, go);
    const effects = this.#table.claim({ id, holder, files: [file], isWrite }, this.#nowMs);
    if (this.#bug === 'no-wait') effects.push({ kind: 'go', claim: id });
    this.#perform(effects);
    const untilMs = this.#table.deadlineMs;
    if (untilMs !== null)
      this.#queue.add(Math.max(untilMs, this.#nowMs), () => this.#perform(this.#table.tick(this.#nowMs)));
  }

  #perform(effects: readonly LeaseEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'go') {
        const go = this.#goes.get(effect.claim);
        this.#goes.delete(effect.claim);
        this.#table.settled(effect.claim);
        go?.();
      } else if (effect.kind === 'break') this.#tell(effect.holder, effect);
      else {
        this.#fenced += 1;
        this.#seat(effect.holder).fenced.set(effect.file, effect.epoch);
      }
    }
  }

  #content(file: string): [number, number] {
    const content = this.#files.get(file) ?? [0, 0];
    this.#files.set(file, content);
    return content;
  }
}

interface Event {
  readonly atMs: number;
  readonly number: number;
  readonly call: () => void;
}

/** Events by time; of the same time in the order in which they were added. */
class EventQueue {
  readonly #heap: Event[] = [];
  #last = 0;

  add(atMs: number, call: () => void): void {
    this.#last += 1;
    const heap = this.#heap;
    const event = { atMs, number: this.#last, call };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  take(): Event | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = heap[child] as Event;
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (one: Event, other: Event) =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);
