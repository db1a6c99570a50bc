import { verifyLog } from '../../access/audit/verify.ts';
import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { JobView, VmView } from '../../contract/schemas.ts';
import type { AuditTrail, TrailEvent } from '../../service/audit_trail.ts';
import type { Clock } from '../../world/clock.ts';
import type { Happening } from './notification.ts';

export interface NotifyWatchParts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'wallMs' | 'sleep'>;
  readonly jobs: {
    watchAll(listener: (view: JobView) => void, isWanted: () => boolean): () => void;
    running(): JobView[];
  };
  readonly machines: { views(): VmView[] };
  readonly trail: AuditTrail;
  readonly tell: (happening: Happening) => void;
  /** A check of the audit log has ended, by whomever it was asked for. */
  readonly onAuditCheck: (listener: (isSound: boolean) => void) => () => void;
  readonly noteAuditCheck: (isSound: boolean) => void;
  /** What an earlier run has told already. */
  readonly memory: NotifyMemory;
}

/** What people were told of and is not over, so that it is told once even where the watch is started again. */
export class NotifyMemory {
  /** Copies that stand still, by id. */
  readonly stalled = new Map<string, JobView>();
  /** Machines whose link has worked in this run of the daemon, and those of them that somebody was told of. */
  readonly known = new Set<string>();
  readonly down = new Set<string>();
  auditBroken: 'no' | 'changed' | 'not-written' = 'no';
  damageTold = false;
}

/** Sees what people want to be told of: once when it begins, and once when it is over. */
export class NotifyWatch implements AsyncDisposable {
  /** Resolves with why, where it ends without being closed. */
  readonly ended: Promise<unknown>;
  readonly #parts: NotifyWatchParts;
  readonly #stop = new AbortController();
  readonly #ends: readonly (() => void)[];
  readonly #loops: Promise<unknown>;
  readonly #memory: NotifyMemory;

  constructor(parts: NotifyWatchParts) {
    const { jobs, trail, onAuditCheck } = parts;
    this.#parts = parts;
    this.#memory = parts.memory;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.ended = promise;
    const { damage } = trail.log.opening;
    if (damage !== null && !this.#memory.damageTold) {
      this.#audit('changed', `the audit log was found damaged: ${damage}`);
      this.#memory.damageTold = true;
    }
    this.#ends = [
      jobs.watchAll(
        guarded(resolve, (view) => this.#noteEnd(view)),
        () => false,
      ),
      trail.watch(guarded(resolve, (event) => this.#noteTrail(event))),
      onAuditCheck(guarded(resolve, (isSound) => this.#noteCheck(isSound))),
    ];
    this.#loops = Promise.all([this.#look(), this.#checkAudit()]).catch(resolve);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const end of this.#ends) end();
    await this.#loops;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #noteEnd(view: JobView): void {
    if (view.endedAtMs === null) return;
    const { id, vm, state } = view;
    this.#memory.stalled.delete(id); // what becomes of it is told below, or somebody has ended it
    if (state !== 'failed' && state !== 'partial') return;
    const code = view.error?.code ?? view.problems[0]?.code ?? null;
    const why = view.error?.message ?? `${view.problems.length} entries could not be copied`;
    const how = state === 'failed' ? 'failed' : 'is done in part';
    this.#parts.tell({
      event: 'job-failed',
      text: `copy ${id} with ${vm} ${how}: ${why}`,
      vm,
      job: id,
      code,
    });
  }

  async #look(): Promise<void> {
    while (await this.#wait(LIMITS.metricJobsSampleMs.value)) {
      this.#lookAtJobs();
      this.#lookAtLinks();
    }
  }

  #lookAtJobs(): void {
    const running = this.#parts.jobs.running();
    const still = running.filter(({ explanation }) => explanation?.kind === 'stalled');
    for (const view of still) {
      if (this.#memory.stalled.has(view.id)) continue;
      const { id, vm, explanation } = view;
      const text = `copy ${id} with ${vm} stands still: ${explanation?.cause}. ${explanation?.fix}`;
      this.#parts.tell({ event: 'job-stalled', text, vm, job: id, code: explanation?.id ?? null });
      this.#memory.stalled.set(view.id, view); // told: where that fails, it is told once the watch is started again
    }
    const ids = new Set(still.map(({ id }) => id));
    for (const { id, vm } of this.#memory.stalled.values()) {
      if (ids.has(id)) continue;
      this.#memory.stalled.delete(id);
      if (!running.some((view) => view.id === id)) continue; // paused, or waits again: it moves no more than before
      const text = `copy ${id} with ${vm} goes on`;
      this.#parts.tell({ event: 'job-stalled', recovered: true, text, vm, job: id });
    }
  }

  #lookAtLinks(): void {
    const views = this.#parts.machines.views();
    for (const view of views) this.#lookAtLink(view);
    const names = new Set(views.map(({ name }) => name));
    for (const set of [this.#memory.known, this.#memory.down])
      for (const name of set) if (!names.has(name)) set.delete(name);
  }

  #lookAtLink({ name: vm, state, sinceMs, error }: VmView): void {
    if (state === 'up') {
      this.#memory.known.add(vm);
      if (!this.#memory.down.has(vm)) return;
      this.#parts.tell({ event: 'link-down', recovered: true, text: `${vm} is connected again`, vm });
      this.#memory.down.delete(vm);
      return;
    }
    const downMs = this.#parts.clock.wallMs() - sinceMs;
    const isLost = this.#memory.known.has(vm) && downMs >= LIMITS.notifyLinkDownMs.value;
    if (this.#memory.down.has(vm) || !(isLost || state === 'failed')) return;
    const text = `no link to ${vm}${error === null ? '' : `: ${error.message}`}`;
    this.#parts.tell({ event: 'link-down', text, vm, code: error?.code ?? null });
    this.#memory.down.add(vm);
  }

  #noteTrail(event: TrailEvent): void {
    if (event.kind === 'write-failed' && this.#memory.auditBroken === 'no')
      this.#audit('not-written', `audit records cannot be written, work is refused: ${event.message}`);
    if (event.kind === 'written' && this.#memory.auditBroken === 'not-written')
      this.#auditWell('audit records are written again');
  }

  #noteCheck(isSound: boolean): void {
    if (!isSound && this.#memory.auditBroken !== 'changed')
      this.#audit('changed', 'the audit log was changed: `causeway audit verify` names the places');
    if (isSound && this.#memory.auditBroken === 'changed') this.#auditWell('the audit log is whole again');
  }

  #audit(how: 'changed' | 'not-written', text: string): void {
    this.#parts.tell({ event: 'audit-broken', text });
    this.#memory.auditBroken = how;
  }

  #auditWell(text: string): void {
    this.#parts.tell({ event: 'audit-broken', recovered: true, text });
    this.#memory.auditBroken = 'no';
  }

  async #checkAudit(): Promise<void> {
    let waitMs = LIMITS.auditCheckFirstMs.value;
    while (await this.#wait(waitMs)) {
      waitMs = LIMITS.auditCheckEveryMs.value;
      try {
        const { place, position } = this.#parts.trail.log;
        this.#parts.noteAuditCheck((await verifyLog(place, position)).isSound);
      } catch (failure) {
        // files that cannot be read are no sign that they were changed; metrics show when the last check was
        if (asCausewayError(failure).code === 'CW_DAEMON_STATE') this.#parts.noteAuditCheck(false);
      }
    }
  }

  /** False at the end. */
  async #wait(durationMs: number): Promise<boolean> {
    const { signal } = this.#stop;
    await this.#parts.clock.sleep(durationMs, signal).catch(() => undefined); // the end
    return !signal.aborted;
  }
}

/** What a listener throws ends the watch, and disturbs nobody who tells it something. */
function guarded<T>(fail: (failure: unknown) => void, listener: (value: T) => void): (value: T) => void {
  return (value) => {
    try {
      listener(value);
    } catch (failure) {
      fail(failure);
    }
  };
}
