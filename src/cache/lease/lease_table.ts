import { LIMITS } from '../../base/limits.ts';
import { LEASE, type LeaseGiven, type LeaseKinds } from './lease_kinds.ts';

/** What is to be done after an event. */
export type LeaseEffect =
  /** The holder is told to keep no more than `kept`, and answers with {@link LeaseTable.acknowledged}. */
  | {
      readonly kind: 'break';
      readonly holder: string;
      readonly file: string;
      readonly epoch: number;
      readonly kept: LeaseKinds;
    }
  /** It did not answer in time: writes that carry this epoch, or a lower one, are refused from now on. */
  | { readonly kind: 'fenced'; readonly holder: string; readonly file: string; readonly epoch: number }
  /** Nobody else holds what this claim is in the way of. */
  | { readonly kind: 'go'; readonly claim: string };

/** Something that cannot be done while others hold leases on the files. */
export interface LeaseClaim {
  /** Different of all claims that are not settled. */
  readonly id: string;
  /** Whose own leases are not in the way. */
  readonly holder: string;
  /** Null: all files that there are. */
  readonly files: readonly string[] | null;
  /** Reading is in the way of write leases only. */
  readonly isWrite: boolean;
}

interface Held {
  readonly holder: string;
  readonly file: string;
  readonly epoch: number;
  kinds: LeaseKinds;
  /** Null: it is not to be given back. */
  breaking: { kept: LeaseKinds; readonly untilMs: number } | null;
}

/**
 * Who holds which leases on the files of one machine, without a clock: the caller says what time it is. A lease that is in
 * the way of a claim is broken, the claim waits until the holder has said that it let go, and no longer than
 * LIMITS.leaseBreakMs: then the holder is fenced. While a claim waits or is being done, nobody else gets a lease on its files.
 */
export class LeaseTable {
  readonly #files = new Map<string, Map<string, Held>>();
  readonly #byHolder = new Map<string, Set<Held>>();
  readonly #claims = new Map<string, LeaseClaim>();
  readonly #waiting = new Set<LeaseClaim>();
  readonly #claimsOf = new Map<string, Set<LeaseClaim>>();
  readonly #ofAll = new Set<LeaseClaim>();
  /** In the order of their deadlines. */
  readonly #breaking = new Set<Held>();
  #lastEpoch = 0;

  /** Leases that are held. */
  get size(): number {
    let count = 0;
    for (const { size } of this.#byHolder.values()) count += size;
    return count;
  }

  /** Claims that wait or are being done. */
  get claims(): number {
    return this.#claims.size;
  }

  /** Of the first lease that is to be given back; null where there is none. */
  get deadlineMs(): number | null {
    for (const { breaking } of this.#breaking) return breaking?.untilMs ?? null;
    return null;
  }

  kindsOf(holder: string, file: string): LeaseKinds {
    return this.#files.get(file)?.get(holder)?.kinds ?? LEASE.none;
  }

  /**
   * Gives what can be given at once of the kinds that are wished for; nobody is hindered for it. `othersWrite` says whether
   * somebody else has the file open for writing.
   */
  ask(holder: string, file: string, kinds: LeaseKinds, othersWrite: boolean): LeaseGiven {
    const refused = { kinds: LEASE.none, epoch: 0 };
    const leases = this.#files.get(file);
    const own = leases?.get(holder) ?? null;
    if (othersWrite || (own !== null && own.breaking !== null)) return refused;
    for (const claims of [this.#claimsOf.get(file), this.#ofAll])
      for (const claim of claims ?? []) if (claim.holder !== holder) return refused;
    let given = kinds & LEASE.all;
    for (const other of leases?.values() ?? []) {
      if (other === own) continue;
      if ((other.kinds & LEASE.write) !== 0) return refused;
      given &= ~LEASE.write;
    }
    if (given === LEASE.handle) given = LEASE.none;
    if (own !== null) {
      if ((given & ~own.kinds) === 0) return { kinds: own.kinds, epoch: own.epoch };
      given |= own.kinds;
      this.#drop(own);
    } else if ((this.#byHolder.get(holder)?.size ?? 0) >= LIMITS.leasesMax.value) return refused;
    return given === LEASE.none ? refused : this.#give(holder, file, given);
  }

  /** Has others let go of what is in the way. The caller says {@link settled} after each `go`. */
  claim(claim: LeaseClaim, nowMs: number): LeaseEffect[] {
    this.#claims.set(claim.id, claim);
    if (claim.files === null) this.#ofAll.add(claim);
    for (const file of claim.files ?? []) {
      const claims = this.#claimsOf.get(file) ?? new Set();
      this.#claimsOf.set(file, claims.add(claim));
    }
    const effects: LeaseEffect[] = [];
    const kept = claim.isWrite ? LEASE.none : LEASE.read | LEASE.handle;
    let isFree = true;
    for (const held of this.#inTheWay(claim)) {
      isFree = false;
      effects.push(...this.#break(held, kept, nowMs));
    }
    if (isFree) return [{ kind: 'go', claim: claim.id }];
    this.#waiting.add(claim);
    return effects;
  }

  /** What was claimed is done, or is not wanted any more: others may get leases again. */
  settled(id: string): void {
    const claim = this.#claims.get(id);
    if (claim === undefined) return;
    this.#claims.delete(id);
    this.#waiting.delete(claim);
    this.#ofAll.delete(claim);
    for (const file of claim.files ?? []) {
      const claims = this.#claimsOf.get(file);
      claims?.delete(claim);
      if (claims?.size === 0) this.#claimsOf.delete(file);
    }
  }

  /** A holder keeps no more than `kept` of that lease, because it was told to, or by itself. */
  acknowledged(holder: string, file: string, epoch: number, kept: LeaseKinds): LeaseEffect[] {
    const held = this.#files.get(file)?.get(holder);
    if (held === undefined || held.epoch !== epoch) return []; // it is over already
    held.kinds &= kept;
    if (held.kinds === LEASE.none || held.kinds === LEASE.handle) this.#drop(held);
    else if (held.breaking !== null && (held.kinds & ~held.breaking.kept) === 0) {
      held.breaking = null;
      this.#breaking.delete(held);
    }
    return this.#free(file);
  }

  /** The file was changed by somebody who waits for nobody: the lease is over once its holder has said that it knows. */
  revoke(holder: string, file: string, nowMs: number): LeaseEffect[] {
    const held = this.#files.get(file)?.get(holder);
    return held === undefined ? [] : this.#break(held, LEASE.none, nowMs);
  }

  /** The holder is no more: all its leases and claims end. */
  gone(holder: string): LeaseEffect[] {
    for (const claim of [...this.#claims.values()]) if (claim.holder === holder) this.settled(claim.id);
    return this.forgotten(holder);
  }

  /** The holder says that it has no lease any more. */
  forgotten(holder: string): LeaseEffect[] {
    const effects: LeaseEffect[] = [];
    for (const held of [...(this.#byHolder.get(holder) ?? [])]) {
      this.#drop(held);
      effects.push(...this.#free(held.file));
    }
    return effects;
  }

  /** Whoever was told to let go and did not is fenced. */
  tick(nowMs: number): LeaseEffect[] {
    const effects: LeaseEffect[] = [];
    for (const held of [...this.#breaking]) {
      if (held.breaking === null || held.breaking.untilMs > nowMs) break;
      const { holder, file, epoch } = held;
      this.#drop(held);
      effects.push({ kind: 'fenced', holder, file, epoch }, ...this.#free(file));
    }
    return effects;
  }

  #break(held: Held, kept: LeaseKinds, nowMs: number): LeaseEffect[] {
    const { holder, file, epoch, breaking } = held;
    if (breaking !== null && (breaking.kept & ~kept) === 0) return [];
    if (breaking === null) held.breaking = { kept, untilMs: nowMs + LIMITS.leaseBreakMs.value };
    else breaking.kept &= kept;
    this.#breaking.add(held);
    return [{ kind: 'break', holder, file, epoch, kept: held.breaking?.kept ?? kept }];
  }

  #give(holder: string, file: string, kinds: LeaseKinds): LeaseGiven {
    this.#lastEpoch += 1;
    const held: Held = { holder, file, kinds, epoch: this.#lastEpoch, breaking: null };
    const leases = this.#files.get(file) ?? new Map<string, Held>();
    this.#files.set(file, leases.set(holder, held));
    const all = this.#byHolder.get(holder) ?? new Set<Held>();
    this.#byHolder.set(holder, all.add(held));
    return { kinds, epoch: held.epoch };
  }

  #drop(held: Held): void {
    const { holder, file } = held;
    this.#breaking.delete(held);
    const leases = this.#files.get(file);
    leases?.delete(holder);
    if (leases?.size === 0) this.#files.delete(file);
    const all = this.#byHolder.get(holder);
    all?.delete(held);
    if (all?.size === 0) this.#byHolder.delete(holder);
  }

  *#inTheWay({ holder, files, isWrite }: LeaseClaim): Generator<Held> {
    for (const file of files ?? [...this.#files.keys()])
      for (const held of this.#files.get(file)?.values() ?? [])
        if (held.holder !== holder && (isWrite || (held.kinds & LEASE.write) !== 0)) yield held;
  }

  /** Claims on a file that nobody is in the way of any more. */
  #free(file: string): LeaseEffect[] {
    const effects: LeaseEffect[] = [];
    for (const claims of [this.#claimsOf.get(file), this.#ofAll])
      for (const claim of claims ?? []) {
        if (!this.#waiting.has(claim) || !this.#inTheWay(claim).next().done) continue;
        this.#waiting.delete(claim);
        effects.push({ kind: 'go', claim: claim.id });
      }
    return effects;
  }
}
