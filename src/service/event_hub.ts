import { LIMITS } from '../base/limits.ts';
import type { JobView, VmView } from '../contract/schemas.ts';
import type { Clock } from '../world/clock.ts';
import type { MachinesPort } from './ports.ts';

/** What somebody may see who may see what it is about. */
export type EventBody =
  | { readonly kind: 'job'; readonly data: JobView }
  | { readonly kind: 'vm'; readonly data: VmView }
  | { readonly kind: 'vm-removed'; readonly data: { readonly name: string } }
  | { readonly kind: 'users'; readonly data: object }
  | { readonly kind: 'audit'; readonly data: { readonly sequence: number } };

export interface NumberedEvent {
  readonly index: number;
  readonly body: EventBody;
}

/** Where the hub hears of changes; each gives a function that ends it. */
export interface EventSources {
  /** `isWanted` says whether somebody looks, so that progress is worth telling. */
  jobs(listener: (view: JobView) => void, isWanted: () => boolean): () => void;
  machines(listener: () => void): () => void;
  users(listener: () => void): () => void;
  audit(listener: (sequence: number) => void): () => void;
}

const PER_MS = 1_000;

/**
 * Numbered events, of which the newest for each job and machine are kept, `LIMITS.eventsKept` in all. Numbers go on rising
 * over a restart of the daemon, so that a reader who resumes learns of the gap.
 */
export class EventHub {
  readonly #machines: Pick<MachinesPort, 'views'>;
  readonly #readers = new Set<() => void>();
  readonly #ends: readonly (() => void)[];
  /** In the order of their numbers. */
  readonly #events = new Map<string, NumberedEvent>();
  readonly #vms = new Map<string, string>();
  #index: number;
  /** Of events up to this one some may be forgotten. */
  #forgotten: number;

  constructor(clock: Pick<Clock, 'wallMs'>, machines: Pick<MachinesPort, 'views'>, sources: EventSources) {
    this.#machines = machines;
    this.#index = Math.floor(clock.wallMs()) * PER_MS;
    this.#forgotten = this.#index;
    this.#ends = [
      sources.jobs(
        (data) => this.#add(`job ${data.id}`, { kind: 'job', data }),
        () => this.#readers.size > 0,
      ),
      sources.machines(() => this.#lookAtMachines()),
      sources.users(() => this.#add('users', { kind: 'users', data: {} })),
      sources.audit((sequence) => this.#add('audit', { kind: 'audit', data: { sequence } })),
    ];
    this.#lookAtMachines();
  }

  get index(): number {
    return this.#index;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Whether all events after this one are there. */
  reaches(since: number): boolean {
    return since >= this.#forgotten && since <= this.#index;
  }

  /** The next event after this one; null where there is none yet. */
  next(since: number): NumberedEvent | null {
    if (since >= this.#index) return null;
    for (const event of this.#events.values()) if (event.index > since) return event;
    return null;
  }

  /** Calls `wake` after each event; the result ends it. */
  read(wake: () => void): () => void {
    this.#readers.add(wake);
    return () => this.#readers.delete(wake);
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #add(key: string, body: EventBody): void {
    this.#index += 1;
    this.#events.delete(key);
    this.#events.set(key, { index: this.#index, body });
    if (this.#events.size > LIMITS.eventsKept.value) {
      const [[oldest, { index }]] = this.#events as unknown as [[string, NumberedEvent]];
      this.#events.delete(oldest);
      this.#forgotten = index;
    }
    for (const wake of [...this.#readers]) wake();
  }

  /** Finds out which machines are new, otherwise, or gone. */
  #lookAtMachines(): void {
    const views = this.#machines.views();
    for (const view of views) {
      const key = keyOf(view);
      if (this.#vms.get(view.name) === key) continue;
      this.#vms.set(view.name, key);
      this.#add(`vm ${view.name}`, { kind: 'vm', data: view });
    }
    const names = new Set(views.map(({ name }) => name));
    for (const name of this.#vms.keys()) {
      if (names.has(name)) continue;
      this.#vms.delete(name);
      this.#add(`vm ${name}`, { kind: 'vm-removed', data: { name } });
    }
  }
}

/** Counters of a link change all the time, and are no event. */
function keyOf(view: VmView): string {
  const { roundTripMs, sentBytes, resentBytes, receivedBytes, ...rest } = view;
  return JSON.stringify(rest);
}
