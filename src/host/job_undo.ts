import { toHex } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import type { JobView } from '../contract/schemas.ts';
import type { Clock } from '../world/clock.ts';
import type { JobSaver } from './job_saver.ts';
import { hasEnded } from './job_state.ts';
import type { StoredJob } from './job_store.ts';
import type { Machines } from './machines.ts';
import type { Removal } from './remains.ts';
import { transferIdOf, undoIdOf } from './transfer_id.ts';
import { runningView, undoneView } from './undo_view.ts';

export interface JobUndoParts {
  readonly machines: Machines;
  readonly saver: JobSaver;
  readonly clock: Clock;
  readonly deviceId: string;
  /** CW_JOB_UNKNOWN. */
  find(id: string): Promise<StoredJob>;
}

/** Undoes copies that have ended: noted with the machine first, so that it goes on after a restart and when the machine is back. */
export class JobUndo {
  readonly #parts: JobUndoParts;
  /** Resolve when an undo has ended and that is stored. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: JobUndoParts) {
    this.#parts = parts;
  }

  /** Begins the undo of a job, or joins it. CW_JOB_STATE, CW_UNDO_NONE, CW_VM_UNKNOWN, CW_LIMIT, CW_DISK_*. */
  async start(stored: StoredJob): Promise<void> {
    const { machines, saver, deviceId } = this.#parts;
    const { id, request, state, view } = stored;
    if (!hasEnded(state))
      throw new CausewayError('CW_JOB_STATE', `job ${id} is ${state}: cancel it before its undo`);
    if (view.undo?.state === 'running' || view.undo?.state === 'done') return;
    if (request.undo === 'off')
      throw new CausewayError('CW_UNDO_NONE', `job ${id} ran without undo: nothing is kept of it`);
    machines.link(request.vm);
    const ids = {
      transferId: transferIdOf(deviceId, request),
      undoId: undoIdOf(deviceId, stored),
      jobId: id,
    };
    const { settled } = await machines.undo(request, ids);
    const running = saver.save({ ...stored, view: { ...view, undo: runningView(view.undo) } });
    this.#finishLater(id, settled, observed(running)); // the saver tries on where the store refuses
    await running;
  }

  /** Goes on with an undo that an earlier run of the daemon has begun. */
  takeUp(id: string, settled: Promise<Removal>): void {
    this.#finishLater(id, settled, Promise.resolve());
  }

  /** Resolves when no undo of the job goes on, and after `waitMs` at the latest. */
  async ended(id: string, waitMs: number): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined || waitMs === 0) return;
    const over = new AbortController();
    const late = this.#parts.clock.sleep(waitMs, over.signal).catch(() => undefined); // it ended in time
    await Promise.race([running, late]);
    over.abort();
  }

  /** The view with the reason why a running undo waits. */
  shown(stored: StoredJob, view: JobView): JobView {
    if (view.undo?.state !== 'running') return view;
    const { machines, deviceId } = this.#parts;
    const { request } = stored;
    const transferId = toHex(transferIdOf(deviceId, request));
    const error = machines.remains.lastError(request.vm, transferId, toHex(undoIdOf(deviceId, stored)));
    return { ...view, undo: { ...view.undo, error: error?.report() ?? null } };
  }

  #finishLater(id: string, settled: Promise<Removal>, begun: Promise<void>): void {
    const finished = settled.then(async (removal) => {
      await begun.catch(() => undefined); // the end is stored instead
      await this.#finish(id, removal);
    });
    // the job was forgotten meanwhile, or the saver tries on
    const ended = finished.catch(() => undefined).then(() => void this.#running.delete(id));
    this.#running.set(id, ended);
  }

  async #finish(id: string, removal: Removal): Promise<void> {
    const stored = await this.#parts.find(id);
    const before = stored.view.undo ?? runningView(null);
    const undo = undoneView(before, endOf(id, removal));
    await this.#parts.saver.save({ ...stored, view: { ...stored.view, undo } });
  }
}

function endOf(id: string, removal: Removal): Parameters<typeof undoneView>[1] {
  if (removal.kind === 'given-up') return removal.error.report();
  if (removal.kind === 'removed' && removal.undone) return removal.undone;
  return new CausewayError('CW_UNDO_NONE', `nothing is kept of job ${id}`).report();
}
