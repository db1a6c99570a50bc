import type { AuditLog } from '../access/audit/audit_log.ts';
import type { AuditActor, AuditEntry } from '../access/audit/record.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Caller } from './caller.ts';
import { placeOf } from './caller.ts';
import type { Details } from './procedure.ts';
import type { RefusalMeter } from './refusal_meter.ts';

/** What is recorded of a request. */
export interface Deed {
  readonly caller: Caller;
  readonly action: string;
  readonly resource: string;
  readonly details?: Details | undefined;
}

/** The record of work that may begin now. */
export interface BegunDeed {
  done(details?: Details): void;
  failed(failure: unknown): void;
  ended(outcome: AuditEntry['outcome'], details: Details): void;
}

/** What the trail itself went through. */
export type TrailEvent =
  | { readonly kind: 'written'; readonly durationMs: number }
  | { readonly kind: 'write-failed'; readonly message: string }
  | { readonly kind: 'refused'; readonly code: string; readonly action: string };

/** Writes what is asked for and what becomes of it into the audit log. */
export class AuditTrail {
  readonly log: AuditLog;
  readonly #refusals: RefusalMeter;
  readonly #pending = new Set<Promise<unknown>>();
  /** Ends of work that wait to be flushed with the next beginning. */
  #held: AuditEntry[] = [];
  #holding: AbortController | null = null;
  readonly #listeners = new Set<(sequence: number) => void>();
  readonly #watchers = new Set<(event: TrailEvent) => void>();

  constructor(log: AuditLog, refusals: RefusalMeter) {
    this.log = log;
    this.#refusals = refusals;
  }

  /** Resolves once the record is durable: only then may the work begin. CW_AUDIT_UNAVAILABLE, CW_LIMIT. */
  async begin(deed: Deed): Promise<BegunDeed> {
    const sequence = await this.#append(entryOf(deed, 'started'));
    const end = (outcome: AuditEntry['outcome'], details: Details): void => {
      this.#later({ ...entryOf(deed, outcome), details: { started: sequence, ...details } });
    };
    return {
      done: (details = {}) => end('done', details),
      failed: (failure) => {
        const { code, message } = asCausewayError(failure);
        end('failed', { code, message: message.slice(0, 1_000) });
      },
      ended: end,
    };
  }

  /** One record of what was done, durable when it resolves. CW_AUDIT_UNAVAILABLE. */
  async note(deed: Deed): Promise<void> {
    await this.#append(entryOf(deed, 'done'));
  }

  /**
   * Records a refusal, beside the answer to it: how long that takes must tell nothing. The same one again within a short
   * time is counted only, so that nobody fills the log with them.
   */
  refused(deed: Deed, failure: unknown): void {
    const { code } = asCausewayError(failure);
    this.#tell({ kind: 'refused', code, action: deed.action });
    const key = [deed.caller.principal.name, placeOf(deed.caller), deed.action, deed.resource, code].join(
      '\n',
    );
    const left = this.#refusals.pass(key);
    if (left === null) return;
    const details = { ...deed.details, code, ...(left > 0 && { notRecordedBefore: left }) };
    this.#later({ ...entryOf(deed, 'refused'), details });
  }

  /** Calls `listener` with the number of each new record; the result ends it. */
  onRecord(listener: (sequence: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for what is being written. */
  async settled(): Promise<void> {
    this.#writeHeld();
    await Promise.all(this.#pending);
  }

  /** Calls `watcher` with what happens to records; the result ends it. */
  watch(watcher: (event: TrailEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async #append(entry: AuditEntry): Promise<number> {
    const { clock } = this.log.place.ports;
    const beganMs = clock.monotonicMs();
    this.#writeHeld();
    try {
      const sequence = await this.log.append(entry);
      this.#tell({ kind: 'written', durationMs: clock.monotonicMs() - beganMs });
      for (const listener of this.#listeners) listener(sequence);
      return sequence;
    } catch (failure) {
      this.#tell({ kind: 'write-failed', message: asCausewayError(failure).message });
      throw failure;
    }
  }

  #tell(event: TrailEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  #later(entry: AuditEntry): void {
    this.#held.push(entry);
    if (this.#held.length >= LIMITS.auditBatchRecordsMax.value) this.#writeHeld();
    if (this.#held.length === 0 || this.#holding !== null) return;
    const holding = new AbortController();
    this.#holding = holding;
    const { clock } = this.log.place.ports;
    const over = clock.sleep(LIMITS.auditHoldMs.value, holding.signal);
    over.then(
      () => this.#writeHeld(),
      () => undefined, // they were written already
    );
  }

  #writeHeld(): void {
    const held = this.#held;
    this.#held = [];
    this.#holding?.abort();
    this.#holding = null;
    for (const entry of held) {
      // The work had its record before it began. A log that takes no more refuses the next work, and says why there.
      const written = this.#append(entry).catch(() => undefined);
      this.#pending.add(written);
      void written.finally(() => this.#pending.delete(written));
    }
  }
}

/** How a record names who made a request. */
export function actorOf({ principal, address }: Caller): AuditActor {
  return { kind: principal.kind, name: principal.name, address: address ?? '' };
}

function entryOf({ caller, action, resource, details }: Deed, outcome: AuditEntry['outcome']): AuditEntry {
  return { actor: actorOf(caller), action, resource, outcome, ...(details && { details }) };
}
