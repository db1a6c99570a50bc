import { toHex } from '../base/bytes.ts';
import { parseTimeWindow, type TimeWindow } from '../base/time_window.ts';
import type { JobView } from '../contract/schemas.ts';
import { frameOf, restingView } from './job_frame.ts';
import type { JobRun } from './job_run.ts';
import type { JobWish, StoredJob } from './job_store.ts';
import { transferIdOf } from './transfer_id.ts';

/** A job that has not ended: in the queue, running or paused. */
export interface LiveJob {
  /** Its newest version, which may be on its way to the store. */
  stored: StoredJob;
  readonly transferId: Uint8Array;
  /** The same for two jobs that are the same copy. */
  readonly key: string;
  /** Its place among jobs of the same priority. */
  readonly order: number;
  windows: readonly TimeWindow[];
  /** It is in the store; the queue leaves it alone before. */
  admitted: boolean;
  run: JobRun | null;
  /** Resolves when what was begun with it (a run, a stop) is over and stored; null where nothing is. */
  over: Promise<void> | null;
  /** What it becomes is on its way to the store: nothing else is begun with it before `over`. */
  becoming: boolean;
  /** Why it waits, as the queue has found last. */
  waiting: JobView['waiting'];
}

export function liveJob(deviceId: string, stored: StoredJob, order: number): LiveJob {
  const transferId = transferIdOf(deviceId, stored.request);
  return {
    stored,
    transferId,
    key: toHex(transferId),
    order,
    windows: windowsOf(stored),
    admitted: false,
    run: null,
    over: null,
    becoming: false,
    waiting: null,
  };
}

export function windowsOf({ request }: StoredJob): readonly TimeWindow[] {
  return (request.windows ?? []).map(parseTimeWindow);
}

/** What a job is now, for people. */
export function viewOf(job: LiveJob): JobView {
  const { stored, run, waiting } = job;
  return run ? { ...run.figures(null), ...frameOf(stored) } : restingView(stored, waiting);
}

const STRENGTH: Readonly<Record<JobWish, number>> = { pause: 1, interrupt: 2, cancel: 3 };

/** Of two wishes about one running job the one that takes more away. */
export function strongerWish(a: JobWish | null, b: JobWish): JobWish {
  return a !== null && STRENGTH[a] > STRENGTH[b] ? a : b;
}
