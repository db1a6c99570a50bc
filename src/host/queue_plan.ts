import type { WaitReason } from '../contract/schemas.ts';

/** A job that is to run, as far as the queue has to know it. */
export interface WaitingJob {
  readonly id: string;
  /** The same for two jobs that are the same copy: they never run at the same time. */
  readonly key: string;
  readonly vm: string;
  /** The machine that has the sources of a copy between two. */
  readonly fromVm?: string | undefined;
  readonly priority: number;
  /** Rises with the time at which the job was made. */
  readonly order: number;
  /** Not before this moment (ms since 1970 UTC): a retry. */
  readonly notBeforeMs: number | null;
  readonly windowOpen: boolean;
}

export interface RunningCopy {
  readonly id: string;
  readonly key: string;
  readonly vm: string;
  readonly fromVm?: string | undefined;
  readonly windowOpen: boolean;
  /** For how long a machine of the copy has been away; null while all are connected. */
  readonly awayForMs: number | null;
  /** It was told to stop and still holds its place. */
  readonly stopping: boolean;
}

export interface QueueSituation {
  readonly nowMs: number;
  /** Whether a copy with the machine would get going, or fail at once. */
  readonly reachable: (vm: string) => boolean;
  readonly perVmMax: number;
  readonly totalMax: number;
  readonly yieldAfterMs: number;
  /** Longest wait before a retry: one that is further away was set before the clock was set back, and is due. */
  readonly retryMaxMs: number;
}

export interface QueuePlan {
  /** In the order in which they get their places. */
  readonly start: readonly string[];
  /** Running copies to put back into the queue. */
  readonly putBack: readonly string[];
  /** Why each of the others waits. */
  readonly waits: ReadonlyMap<string, WaitReason>;
}

/**
 * What to start and what to put back: of the jobs that can run, those of the highest priority, the oldest first, within
 * the limits. A copy whose window has closed is put back; one whose machine is away only where another job waits for
 * its place. Pure: the order of the arguments does not matter.
 */
export function planQueue(
  waiting: readonly WaitingJob[],
  running: readonly RunningCopy[],
  situation: QueueSituation,
): QueuePlan {
  const places = new Places(running, situation);
  const start: string[] = [];
  const waits = new Map<string, WaitReason>();
  for (const job of [...waiting].sort(byRank)) {
    const reason = obstacleOf(job, situation) ?? places.take(job);
    if (reason === null) start.push(job.id);
    else waits.set(job.id, reason);
  }
  const closed = running.filter((copy) => !copy.stopping && !copy.windowOpen).map(({ id }) => id);
  return { start, putBack: [...closed, ...yielding(running, places, situation)], waits };
}

/** The machines that take part in a copy. */
type MachinesOfCopy = { readonly vm: string; readonly fromVm?: string | undefined };

export function vmsOf({ vm, fromVm }: MachinesOfCopy): string[] {
  return fromVm === undefined ? [vm] : [fromVm, vm];
}

/** Highest priority first, then the oldest. */
function byRank(a: WaitingJob, b: WaitingJob): number {
  return b.priority - a.priority || a.order - b.order;
}

function obstacleOf(job: WaitingJob, situation: QueueSituation): WaitReason | null {
  const { nowMs, reachable, retryMaxMs } = situation;
  const waitMs = (job.notBeforeMs ?? nowMs) - nowMs;
  if (waitMs > 0 && waitMs <= retryMaxMs) return 'retry';
  if (!job.windowOpen) return 'window';
  return vmsOf(job).every(reachable) ? null : 'machine';
}

/** The places that copies hold. */
class Places {
  /** Jobs that could run but for the limit on all copies together. */
  shortage = 0;
  readonly #situation: QueueSituation;
  readonly #keys = new Set<string>();
  readonly #ofVm = new Map<string, number>();
  #total = 0;

  constructor(running: readonly RunningCopy[], situation: QueueSituation) {
    this.#situation = situation;
    for (const copy of running) this.#hold(copy);
  }

  take(job: WaitingJob): WaitReason | null {
    if (this.#keys.has(job.key)) return 'same-copy';
    if (vmsOf(job).some((vm) => (this.#ofVm.get(vm) ?? 0) >= this.#situation.perVmMax)) return 'turn';
    if (this.#total >= this.#situation.totalMax) {
      this.shortage += 1;
      return 'turn';
    }
    this.#hold(job);
    return null;
  }

  #hold(job: { readonly key: string } & MachinesOfCopy): void {
    this.#keys.add(job.key);
    for (const vm of vmsOf(job)) this.#ofVm.set(vm, (this.#ofVm.get(vm) ?? 0) + 1);
    this.#total += 1;
  }
}

/** Copies whose machine is away, longest first: as many as jobs lack a place beyond those that become free anyway. */
function yielding(
  running: readonly RunningCopy[],
  { shortage }: Places,
  { yieldAfterMs }: QueueSituation,
): string[] {
  const freed = running.filter((copy) => copy.stopping || !copy.windowOpen).length;
  const candidates = running.filter(
    (copy) => !copy.stopping && copy.windowOpen && copy.awayForMs !== null && copy.awayForMs >= yieldAfterMs,
  );
  candidates.sort((a, b) => b.awayForMs! - a.awayForMs! || (a.id < b.id ? -1 : 1));
  return candidates.slice(0, Math.max(0, shortage - freed)).map(({ id }) => id);
}
