import type { JobView } from '../contract/schemas.ts';
import type { StoredJob } from './job_store.ts';

/** The part of a view that does not come from the copy. */
export type JobFrame = Pick<
  JobView,
  | 'id'
  | 'state'
  | 'direction'
  | 'vm'
  | 'fromVm'
  | 'group'
  | 'upload'
  | 'sources'
  | 'destination'
  | 'priority'
  | 'weight'
  | 'trafficClass'
  | 'windows'
  | 'retries'
  | 'waiting'
  | 'createdAtMs'
  | 'endedAtMs'
>;

/** The part that does. */
export type JobFigures = Omit<JobView, keyof JobFrame>;

export function frameOf(
  job: Omit<StoredJob, 'view'>,
  more: { readonly waiting?: JobView['waiting']; readonly endedAtMs?: number } = {},
): JobFrame {
  const { request, retriesUsed } = job;
  return {
    id: job.id,
    state: job.state,
    direction: request.direction,
    vm: request.vm,
    ...(request.fromVm !== undefined && { fromVm: request.fromVm }),
    ...(request.group !== undefined && { group: request.group }),
    ...(request.upload !== undefined && { upload: request.upload }),
    sources: request.sources,
    destination: request.destination,
    priority: request.priority ?? 0,
    ...(request.weight !== undefined && { weight: request.weight }),
    ...(request.trafficClass !== undefined && { trafficClass: request.trafficClass }),
    windows: request.windows ?? [],
    retries: { max: request.retries ?? 0, used: retriesUsed },
    waiting: more.waiting ?? null,
    createdAtMs: job.createdAtMs,
    endedAtMs: more.endedAtMs ?? null,
  };
}

/** Figures of a job that has not run yet. */
export const NO_FIGURES: JobFigures = {
  phase: 'waiting',
  elapsedMs: 0,
  plannedEntries: 0,
  plannedBytes: 0,
  doneEntries: 0,
  sentBytes: 0,
  receivedBytes: 0,
  reusedBytes: 0,
  zeroBytes: 0,
  compression: null,
  direct: null,
  durableBytes: 0,
  recoveredBytes: 0,
  percent: null,
  rateBytesPerSecond: 0,
  remainingMs: null,
  limitingStage: null,
  explanation: null,
  stages: [],
  stall: null,
  attempts: 0,
  lastError: null,
  problems: [],
  error: null,
  note: null,
  undo: null,
};

/** A job that has not ended and does not run: what was last known of it, without what is only true of a running one. */
export function restingView(job: StoredJob, waiting: JobView['waiting']): JobView {
  return {
    ...job.view,
    ...frameOf(job, { waiting }),
    phase: job.state === 'paused' ? 'paused' : 'waiting',
    rateBytesPerSecond: 0,
    remainingMs: null,
    limitingStage: null,
    explanation: null,
    stall: null,
    error: null,
  };
}
