import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { LeaseCounts, type LeaseFigures } from '../../cache/lease/lease_counts.ts';
import { LEASE } from '../../cache/lease/lease_kinds.ts';
import { type LeaseEffect, LeaseTable } from '../../cache/lease/lease_table.ts';
import type { Clock } from '../../world/clock.ts';
import type { FolderServer, LeaseTold } from '../../world/mounts.ts';
import { LeaseWords } from './lease_words.ts';

type Server = Pick<FolderServer, 'lease' | 'onLease' | 'ended'>;

/** Who reads and changes files in this process, beside all mounts. No server has this name. */
const INSIDE = '0';

/** Where whoever reads or changes a file waits until no mount has a lease in its way. */
export interface LeaseGate {
  /** No mount has any lease. */
  readonly isIdle: boolean;
  /**
   * Waits, no longer than a holder has to let go (LIMITS.leaseBreakMs). Nobody gets a lease on these files before the function that
   * it gives is called; null: on any. Reading waits for who may have bytes on their way. CW_LIMIT where too many wait.
   */
  enter(files: readonly string[] | null, isWrite: boolean): Promise<() => void>;
}

/** The leases that all mounts of folders of this machine have, and those who wait for them: the servers say what happens. */
export class LeaseDesk implements LeaseGate {
  readonly memory = LeaseWords.memory();
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly #words = new LeaseWords(this.memory);
  readonly #table = new LeaseTable();
  readonly #servers = new Map<string, Server>();
  /** What is counted of each holder, by files. */
  readonly #counted = new Map<string, Map<string, number>>();
  readonly #counts = new Map<string, LeaseCounts>();
  /** Those inside that wait, by their claims. */
  readonly #entering = new Map<number, () => void>();
  #last = 0;
  #lastEntered = 0;
  #timer: AbortController | null = null;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'sleep'>) {
    this.#clock = clock;
  }

  get isIdle(): boolean {
    return this.#words.total === 0;
  }

  /** Leases that are held, and requests that wait for some. */
  get counts(): { readonly leases: number; readonly claims: number } {
    return { leases: this.#table.size, claims: this.#table.claims };
  }

  /** Of the holder that {@link join} gave; null where it has ended. */
  figuresOf(holder: string): LeaseFigures | null {
    return this.#counts.get(holder)?.figures(this.#counted.get(holder)?.size ?? 0) ?? null;
  }

  /** Listens to a server until it ends: the holder that it is. */
  join(server: Server): string {
    this.#last += 1;
    const holder = `${this.#last}`;
    this.#servers.set(holder, server);
    this.#counted.set(holder, new Map());
    this.#counts.set(holder, new LeaseCounts());
    server.onLease((told) => this.#take(holder, server, told));
    void server.ended.then(() => {
      this.#servers.delete(holder);
      this.#perform(this.#table.gone(holder));
      this.#recount(holder);
      this.#counted.delete(holder);
      this.#counts.delete(holder);
    });
    return holder;
  }

  async enter(files: readonly string[] | null, isWrite: boolean): Promise<() => void> {
    const slots = isWrite ? (files ?? []).map((file) => LeaseWords.slotOf(file)) : [];
    if (this.#entering.size >= LIMITS.leaseWaitingMax.value)
      throw new CausewayError('CW_LIMIT', 'too many wait for machines to let go of files: try again later');
    for (const slot of slots) this.#words.addWriter(slot, 1); // before it is looked for leases
    this.#lastEntered += 1;
    const claim = this.#lastEntered;
    const id = `${INSIDE} ${claim}`;
    if (this.#words.total > 0) {
      const turn = Promise.withResolvers<void>();
      this.#entering.set(claim, turn.resolve);
      this.#perform(
        this.#counting(
          'broken',
          this.#table.claim({ id, holder: INSIDE, files, isWrite }, this.#clock.monotonicMs()),
        ),
      );
      this.#watch();
      await turn.promise;
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#table.settled(id);
      for (const slot of slots) this.#words.addWriter(slot, -1);
    };
  }

  #take(holder: string, server: Server, told: LeaseTold): void {
    if (!this.#servers.has(holder)) return; // it is over
    const table = this.#table;
    const nowMs = this.#clock.monotonicMs();
    if (told.kind === 'ask') return this.#ask(holder, server, told);
    if (told.kind === 'claim') {
      const { claim, files, isWrite } = told;
      this.#counts.get(holder)?.begins(claim, nowMs);
      this.#perform(
        this.#counting('broken', table.claim({ id: `${holder} ${claim}`, holder, files, isWrite }, nowMs)),
      );
    } else if (told.kind === 'settled') table.settled(`${holder} ${told.claim}`);
    else if (told.kind === 'kept') {
      const { file, epoch, kinds } = told;
      this.#perform(table.acknowledged(holder, file, epoch, kinds), () => this.#count(holder, file));
    } else if (told.kind === 'changed')
      this.#perform(this.#counting('recalled', table.revoke(holder, told.file, nowMs)));
    else this.#perform(table.forgotten(holder), () => this.#recount(holder));
    this.#watch();
  }

  #ask(holder: string, server: Server, told: Extract<LeaseTold, { kind: 'ask' }>): void {
    const { question, file, kinds, ownWriters } = told;
    const slot = LeaseWords.slotOf(file);
    this.#words.addLease(slot, 1); // before it is looked for writers
    const othersWrite = this.#words.writers(slot) > ownWriters;
    const before = this.#table.kindsOf(holder, file);
    const given = this.#table.ask(holder, file, kinds, othersWrite);
    const counts = this.#counts.get(holder);
    if (counts !== undefined && before === LEASE.none && given.kinds !== LEASE.none) counts.granted += 1;
    this.#count(holder, file);
    this.#words.addLease(slot, -1);
    server.lease({ kind: 'given', question, ...given });
  }

  /** `first` is called before anybody goes on who looks at what is counted. */
  #perform(effects: readonly LeaseEffect[], first: () => void = () => undefined): void {
    first();
    for (const effect of effects) {
      if (effect.kind !== 'fenced') continue;
      this.#count(effect.holder, effect.file);
      const counts = this.#counts.get(effect.holder);
      if (counts !== undefined) counts.fenced += 1;
      this.#words.fence(LeaseWords.slotOf(effect.file), effect.epoch);
    }
    for (const effect of effects)
      if (effect.kind === 'go') {
        const [holder = '', number] = effect.claim.split(' ');
        const claim = Number(number);
        if (holder === INSIDE) this.#goesOn(claim);
        else {
          this.#counts.get(holder)?.goesOn(claim, this.#clock.monotonicMs());
          this.#servers.get(holder)?.lease({ kind: 'go', claim });
        }
      } else {
        const { holder, file, epoch } = effect;
        const server = this.#servers.get(holder);
        if (effect.kind === 'fenced') server?.lease({ kind: 'fenced', file, epoch });
        else server?.lease({ kind: 'break', file, epoch, kinds: effect.kept });
      }
  }

  #counting(what: 'broken' | 'recalled', effects: readonly LeaseEffect[]): readonly LeaseEffect[] {
    for (const effect of effects) {
      const counts = effect.kind === 'break' ? this.#counts.get(effect.holder) : undefined;
      if (counts !== undefined) counts[what] += 1;
    }
    return effects;
  }

  #goesOn(claim: number): void {
    this.#entering.get(claim)?.();
    this.#entering.delete(claim);
  }

  #count(holder: string, file: string): void {
    const counted = this.#counted.get(holder);
    if (counted === undefined) return;
    const before = counted.get(file) ?? LEASE.none;
    const now = this.#table.kindsOf(holder, file);
    if (now === before) return;
    const slot = LeaseWords.slotOf(file);
    if (now === LEASE.none) counted.delete(file);
    else counted.set(file, now);
    if (before === LEASE.none) this.#words.addLease(slot, 1);
    if (now === LEASE.none) this.#words.addLease(slot, -1);
    const [wrote, writes] = [before & LEASE.write, now & LEASE.write];
    if (wrote !== writes) this.#words.addWriteLease(slot, writes !== 0 ? 1 : -1);
  }

  #recount(holder: string): void {
    for (const file of [...(this.#counted.get(holder)?.keys() ?? [])]) this.#count(holder, file);
  }

  /** Whoever does not let go in time is fenced. */
  #watch(): void {
    if (this.#timer !== null || this.#table.deadlineMs === null) return;
    const timer = new AbortController();
    this.#timer = timer;
    const waitMs = Math.max(0, this.#table.deadlineMs - this.#clock.monotonicMs());
    this.#clock.sleep(waitMs, timer.signal).then(
      () => {
        this.#timer = null;
        this.#perform(this.#table.tick(this.#clock.monotonicMs()));
        this.#watch();
      },
      () => undefined, // it is over
    );
  }

  /** Nothing is waited for any more. */
  close(): void {
    this.#timer?.abort();
    for (const claim of [...this.#entering.keys()]) this.#goesOn(claim);
  }
}
