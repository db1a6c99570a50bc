import { type Deferred, deferred } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { UndoReport } from '../transfer/undo/undo.ts';
import type { Clock } from '../world/clock.ts';
import { retryWaitMs } from './retry.ts';
import type { PendingDiscard, VmStore } from './vm_store.ts';

/** How it ended with what a cancelled copy had left, or with an undo. */
export type Removal =
  /** `undone`: what an undo did; null where nothing was kept. */
  | { readonly kind: 'removed'; readonly undone?: UndoReport | null }
  /** The same copy was started again and goes on from it. */
  | { readonly kind: 'taken-over' }
  /** It is still there and nobody tries any more. */
  | { readonly kind: 'given-up'; readonly error: CausewayError };

/** What an undo did, null where nothing was kept; nothing for a removal. */
export type Undone = UndoReport | null | undefined;

export interface RemainsParts {
  readonly clock: Clock;
  readonly store: VmStore;
  /** Resolves when a try makes sense: the link to the machine is up. Rejects only when the signal is aborted. */
  reach(vm: string, pending: PendingDiscard, signal: AbortSignal): Promise<void>;
  /** Removes what is there, or undoes the copy; the end of the session ends the wait for the answer. */
  remove(vm: string, pending: PendingDiscard, signal: AbortSignal): Promise<Undone>;
}

interface Entry {
  readonly vm: string;
  readonly pending: PendingDiscard;
  readonly settled: Deferred<Removal>;
  /** Resolves when the last try has ended, however it did. */
  running: Promise<void> | null;
  tries: number;
  lastError: CausewayError | null;
}

/** One disk with remains: that of a machine, or the host's for copies out of that machine. */
interface Place {
  readonly over: AbortController;
  readonly done: Promise<void>;
  /** An entry was added since the round began. */
  fresh: boolean;
  /** Ends the wait before the next round. */
  wake: () => void;
}

const WAITS = { minMs: LIMITS.discardRetryMinMs.value, maxMs: LIMITS.discardRetryMaxMs.value };

/**
 * What cancelled copies have left and nobody has removed yet, noted with their machines so that it outlives the daemon.
 * While there is something for a place, one worker tries in rounds: it waits for the link, then for the answer for as
 * long as the session lives, and begins again after a wait where the failure may pass.
 */
export class Remains implements AsyncDisposable {
  readonly #parts: RemainsParts;
  readonly #entries = new Map<string, Entry>();
  readonly #places = new Map<string, Place>();
  /** Machines whose newest list the store has refused. */
  readonly #unsaved = new Set<string>();
  readonly #over = new AbortController();
  #saving: Promise<void> | null = null;

  constructor(parts: RemainsParts) {
    this.#parts = parts;
  }

  /** Goes on with what an earlier run of the daemon noted; what it is, and how each will end. */
  takeUp(): { readonly pending: PendingDiscard; readonly settled: Promise<Removal> }[] {
    return this.#parts.store.all().flatMap(({ name, pendingDiscards }) =>
      pendingDiscards.map((pending) => ({
        pending,
        settled: this.#enter(name, pending).settled.promise,
      })),
    );
  }

  /** Notes remains and has them removed; the promise tells how that ends and may take as long as the machine is away. */
  async add(vm: string, pending: PendingDiscard): Promise<{ readonly settled: Promise<Removal> }> {
    if (this.#entriesOf(vm).length >= LIMITS.discardsPendingMax.value) {
      const error = new CausewayError('CW_LIMIT', `too many remains on ${vm} wait for their removal`);
      return { settled: Promise.resolve({ kind: 'given-up', error }) };
    }
    const entry = this.#enter(vm, pending);
    await this.#save(vm);
    return { settled: entry.settled.promise };
  }

  /** Why the remains are still there, or the undo with `undoId` is not done; null while the first try runs. */
  lastError(vm: string, transferId: string, undoId?: string): CausewayError | null {
    const isIt = ({ pending }: Entry) => pending.transferId === transferId && pending.undoId === undoId;
    return this.#entriesOf(vm).find(isIt)?.lastError ?? null;
  }

  /** Leaves the remains to a new attempt of the same copy; resolves when nothing removes them any more, and no undo of it runs. */
  async withdraw(vm: string, transferId: string): Promise<void> {
    const entries = this.#entriesOf(vm).filter(
      ({ pending }) => pending.transferId === transferId && pending.undoId === undefined,
    );
    for (const entry of entries) this.#settle(entry, { kind: 'taken-over' });
    if (entries.length > 0) await this.#save(vm);
    const undoing = this.#entriesOf(vm).filter(({ pending }) => pending.transferId === transferId);
    await Promise.all([...entries, ...undoing].map(({ running }) => running));
  }

  /** The machine is forgotten, and with it what was to be removed there. */
  async forget(vm: string): Promise<void> {
    const error = new CausewayError('CW_VM_UNKNOWN', `the machine ${vm} was removed`);
    const entries = this.#entriesOf(vm);
    for (const entry of entries) this.#settle(entry, { kind: 'given-up', error });
    await Promise.all(entries.map((entry) => this.#stop(placeOf(entry))));
  }

  /** Ends all tries; what is left is taken up by the next run of the daemon. */
  async close(): Promise<void> {
    this.#over.abort(new CausewayError('CW_CANCELLED', 'the daemon is shutting down'));
    await Promise.all([...this.#places.keys()].map((key) => this.#stop(key)));
    await this.#saving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enter(vm: string, pending: PendingDiscard): Entry {
    const key = keyOf(vm, pending);
    const existing = this.#entries.get(key);
    if (existing) return existing;
    const settled = deferred<Removal>();
    const entry: Entry = { vm, pending, settled, running: null, tries: 0, lastError: null };
    this.#entries.set(key, entry);
    this.#startOrWake(placeOf(entry));
    return entry;
  }

  #entriesOf(vm: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.vm === vm);
  }

  #startOrWake(key: string): void {
    if (this.#over.signal.aborted) return;
    const running = this.#places.get(key);
    if (running) {
      running.fresh = true;
      running.wake();
      return;
    }
    const over = new AbortController();
    const done = deferred<void>();
    const place: Place = { over, done: done.promise, fresh: false, wake: () => undefined };
    this.#places.set(key, place);
    void this.#work(key, place).finally(() => {
      if (this.#places.get(key) === place) this.#places.delete(key);
      done.resolve();
    });
  }

  async #stop(key: string): Promise<void> {
    const place = this.#places.get(key);
    this.#places.delete(key);
    place?.over.abort(new CausewayError('CW_CANCELLED', 'the removal was stopped'));
    await place?.done;
  }

  /** Rounds over all that is to be removed at one place; never throws. */
  async #work(key: string, place: Place): Promise<void> {
    const { signal } = place.over;
    for (let failures = 0; !signal.aborted; ) {
      const entries = [...this.#entries.values()].filter((entry) => placeOf(entry) === key);
      if (entries.length === 0) {
        this.#places.delete(key); // at once, so that the next entry starts a worker of its own
        return;
      }
      let failed = false;
      place.fresh = false;
      for (const entry of entries) {
        if (signal.aborted) return;
        await this.#try(entry, signal);
        if (this.#isCurrent(entry)) failed = true;
      }
      failures = failed ? failures + 1 : 0;
      if (failed && !place.fresh && !signal.aborted) await this.#pause(place, retryWaitMs(failures, WAITS));
    }
  }

  async #try(entry: Entry, signal: AbortSignal): Promise<void> {
    const { vm, pending } = entry;
    try {
      await this.#parts.reach(vm, pending, signal);
      if (!this.#isCurrent(entry)) return;
      const removing = this.#parts.remove(vm, pending, signal);
      entry.running = removing.then(
        () => undefined,
        () => undefined, // the failure is dealt with below
      );
      const undone = await removing;
      this.#settle(entry, { kind: 'removed', ...(undone !== undefined && { undone }) });
    } catch (failure) {
      if (signal.aborted) return;
      const error = asCausewayError(failure);
      entry.tries += 1;
      entry.lastError = error;
      if (isFinal(error) || entry.tries >= LIMITS.discardTriesMax.value)
        this.#settle(entry, { kind: 'given-up', error });
    }
    if (!this.#isCurrent(entry)) await this.#save(vm);
  }

  async #pause(place: Place, durationMs: number): Promise<void> {
    const early = new AbortController();
    const wake = () => early.abort();
    place.wake = wake;
    place.over.signal.addEventListener('abort', wake, { once: true });
    await this.#parts.clock.sleep(durationMs, early.signal).catch(() => undefined); // woken: the next round begins now
    place.over.signal.removeEventListener('abort', wake);
    place.wake = () => undefined;
  }

  #settle(entry: Entry, removal: Removal): void {
    if (this.#isCurrent(entry)) this.#entries.delete(keyOf(entry.vm, entry.pending));
    entry.settled.resolve(removal);
  }

  #isCurrent(entry: Entry): boolean {
    return this.#entries.get(keyOf(entry.vm, entry.pending)) === entry;
  }

  /** Where the store refuses (a full disk), it is asked again until it takes the list; the removal does not wait for that. */
  async #save(vm: string): Promise<void> {
    const pendingDiscards = this.#entriesOf(vm).map(({ pending }) => pending);
    try {
      await this.#parts.store.change(vm, { pendingDiscards });
      this.#unsaved.delete(vm);
    } catch {
      this.#unsaved.add(vm);
      this.#saving ??= this.#saveAgain().finally(() => {
        this.#saving = null;
      });
    }
  }

  async #saveAgain(): Promise<void> {
    const { signal } = this.#over;
    while (this.#unsaved.size > 0 && !signal.aborted) {
      await this.#parts.clock.sleep(LIMITS.discardRetryMinMs.value, signal).catch(() => undefined); // the close ends the wait
      for (const vm of [...this.#unsaved]) await this.#save(vm);
    }
  }
}

function keyOf(vm: string, { transferId, onHost, undoId = '' }: PendingDiscard): string {
  return `${vm} ${onHost === true} ${transferId} ${undoId}`;
}

function placeOf({ vm, pending }: Entry): string {
  return `${vm} ${pending.onHost === true}`;
}

/** CW_LIMIT and CW_CANCELLED speak of the link or of an agent that ends just now, not of what is to be removed. */
function isFinal({ code, next }: CausewayError): boolean {
  return (next === 'never' || next === 'fatal') && code !== 'CW_LIMIT' && code !== 'CW_CANCELLED';
}
