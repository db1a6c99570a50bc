import { LEASE } from '../../cache/lease/lease_kinds.ts';
import { type LeaseEffect, LeaseTable } from '../../cache/lease/lease_table.ts';
import type { Clock } from '../../world/clock.ts';
import type { FolderServer, LeaseTold } from '../../world/mounts.ts';
import { LeaseWords } from './lease_words.ts';

type Server = Pick<FolderServer, 'lease' | 'onLease' | 'ended'>;

/** The leases that all mounts of folders of this machine have, and those who wait for them: the servers say what happens. */
export class LeaseDesk {
  readonly memory = LeaseWords.memory();
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly #words = new LeaseWords(this.memory);
  readonly #table = new LeaseTable();
  readonly #servers = new Map<string, Server>();
  /** What is counted of each holder, by files. */
  readonly #counted = new Map<string, Map<string, number>>();
  #last = 0;
  #timer: AbortController | null = null;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'sleep'>) {
    this.#clock = clock;
  }

  /** Leases that are held, and requests that wait for some. */
  get counts(): { readonly leases: number; readonly claims: number } {
    return { leases: this.#table.size, claims: this.#table.claims };
  }

  /** Listens to a server until it ends. */
  join(server: Server): void {
    this.#last += 1;
    const holder = `${this.#last}`;
    this.#servers.set(holder, server);
    this.#counted.set(holder, new Map());
    server.onLease((told) => this.#take(holder, server, told));
    void server.ended.then(() => {
      this.#servers.delete(holder);
      this.#perform(this.#table.gone(holder));
      this.#recount(holder);
      this.#counted.delete(holder);
    });
  }

  #take(holder: string, server: Server, told: LeaseTold): void {
    if (!this.#servers.has(holder)) return; // it is over
    const table = this.#table;
    const nowMs = this.#clock.monotonicMs();
    if (told.kind === 'ask') return this.#ask(holder, server, told);
    if (told.kind === 'claim') {
      const { claim, files, isWrite } = told;
      this.#perform(table.claim({ id: `${holder} ${claim}`, holder, files, isWrite }, nowMs));
    } else if (told.kind === 'settled') table.settled(`${holder} ${told.claim}`);
    else if (told.kind === 'kept') {
      const { file, epoch, kinds } = told;
      this.#perform(table.acknowledged(holder, file, epoch, kinds), () => this.#count(holder, file));
    } else if (told.kind === 'changed') this.#perform(table.revoke(holder, told.file, nowMs));
    else this.#perform(table.forgotten(holder), () => this.#recount(holder));
    this.#watch();
  }

  #ask(holder: string, server: Server, told: Extract<LeaseTold, { kind: 'ask' }>): void {
    const { question, file, kinds, ownWriters } = told;
    const slot = LeaseWords.slotOf(file);
    this.#words.addLease(slot, 1); // before it is looked for writers
    const othersWrite = this.#words.writers(slot) > ownWriters;
    const given = this.#table.ask(holder, file, kinds, othersWrite);
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
      this.#words.fence(LeaseWords.slotOf(effect.file), effect.epoch);
    }
    for (const effect of effects)
      if (effect.kind === 'go') {
        const [holder = '', claim] = effect.claim.split(' ');
        this.#servers.get(holder)?.lease({ kind: 'go', claim: Number(claim) });
      } else {
        const { holder, file, epoch } = effect;
        const server = this.#servers.get(holder);
        if (effect.kind === 'fenced') server?.lease({ kind: 'fenced', file, epoch });
        else server?.lease({ kind: 'break', file, epoch, kinds: effect.kept });
      }
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
  }
}
