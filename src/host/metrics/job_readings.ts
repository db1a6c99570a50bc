import { LIMITS } from '../../base/limits.ts';
import type { JobView } from '../../contract/schemas.ts';
import type { Readings } from '../../telemetry/readings.ts';
import type { CopyRates } from '../copy_rates.ts';
import type { JobManager } from '../job_manager.ts';

const STATES = ['waiting', 'running', 'paused'] as const;
const REASONS = ['turn', 'machine', 'window', 'retry', 'same-copy'] as const;

/** How the queue stands. */
export function readQueue(readings: Readings, jobs: ReturnType<JobManager['queued']>, nowMs: number): void {
  for (const state of STATES)
    readings.set('causeway_jobs', { state }, jobs.filter((job) => job.state === state).length);
  for (const reason of REASONS)
    readings.set('causeway_queue_length', { reason }, jobs.filter((job) => job.reason === reason).length);
  const oldestMs = Math.min(
    nowMs,
    ...jobs.filter(({ reason }) => reason !== null).map(({ createdAtMs }) => createdAtMs),
  );
  readings.set('causeway_queue_oldest_seconds', {}, (nowMs - oldestMs) / 1_000);
  readings.set('causeway_queue_running_limit', {}, LIMITS.copiesMax.value);
}

/** How the running copies fare; every machine has its values, without a copy 0. */
export function readRunning(
  readings: Readings,
  running: readonly JobView[],
  vms: readonly string[],
  lastDoneMs: ReadonlyMap<string, number>,
): void {
  for (const vm of vms) {
    const own = running.filter((job) => job.vm === vm);
    const sum = (of: (job: JobView) => number) => own.reduce((total, job) => total + of(job), 0);
    const left = (job: JobView) => Math.max(0, job.plannedBytes - job.durableBytes);
    readings.set('causeway_job_remaining_bytes', { vm }, sum(left));
    readings.set(
      'causeway_job_rate_bytes',
      { vm },
      sum(({ rateBytesPerSecond }) => rateBytesPerSecond),
    );
    const lastMs = lastDoneMs.get(vm);
    if (lastMs !== undefined)
      readings.set('causeway_job_last_done_timestamp_seconds', { vm }, lastMs / 1_000);
  }
  const stalled = Map.groupBy(
    running.filter(({ explanation }) => explanation?.kind === 'stalled'),
    ({ vm, explanation }) => `${vm}\n${explanation?.id}`,
  );
  for (const [key, jobs] of stalled) {
    const [vm = '', cause = ''] = key.split('\n');
    readings.set('causeway_jobs_stalled', { vm, cause }, jobs.length);
  }
  const limited = Map.groupBy(
    running.filter(({ limitingStage }) => limitingStage !== null),
    ({ limitingStage }) => `${limitingStage?.side}\n${limitingStage?.stage}`,
  );
  for (const [key, jobs] of limited) {
    const [side = '', stage = ''] = key.split('\n');
    readings.set('causeway_jobs_limited', { side, stage }, jobs.length);
  }
}

/** How the shared rate is used; where there is none, nobody shares it. */
export function readRates(readings: Readings, rates: CopyRates | null): void {
  readings.set('causeway_rate_limit_bytes', {}, rates?.bytesPerSecond ?? 0);
  for (const direction of ['in', 'out'] as const) {
    const figures = rates?.figures[direction];
    readings.set('causeway_rate_copies', { direction }, figures?.copies ?? 0);
    readings.set('causeway_rate_waiting', { direction }, figures?.waiting ?? 0);
    readings.set('causeway_rate_granted_bytes', { direction }, figures?.grantedBytes ?? 0);
  }
}
