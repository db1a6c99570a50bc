import { counter, type FamilySpec, gauge, histogram } from './family.ts';

const COPY_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 28_800];
const WAIT_SECONDS = [0.01, 0.1, 1, 5, 30, 120, 600, 3_600, 21_600];
const VM = ['vm', 'direction'] as const;
const STAGE = ['vm', 'side', 'stage'] as const;

/** Copies, from the queue to their end, and what shares a rate among them. */
export const JOB_FAMILIES = {
  causeway_jobs: gauge('Copies that have not ended, by state.', null, ['state']),
  causeway_jobs_started: counter('Copies that came into the queue.', null, VM),
  causeway_jobs_ended: counter('Copies that ended, by how.', null, ['vm', 'direction', 'outcome']),
  causeway_job_duration_seconds: histogram(
    'How long ended copies ran; time in the queue is not counted.',
    COPY_SECONDS,
    ['direction', 'outcome'],
  ),
  causeway_job_last_done_timestamp_seconds: gauge(
    'When a copy with the machine was done last, in seconds since 1970 UTC.',
    'seconds',
    ['vm'],
  ),
  causeway_job_sent_bytes: counter('Bytes of files that copies sent.', 'bytes', VM),
  causeway_job_received_bytes: counter(
    'Bytes of files that arrived at the destinations of copies.',
    'bytes',
    VM,
  ),
  causeway_job_durable_bytes: counter(
    'Bytes of files that are flushed at the destinations of copies.',
    'bytes',
    VM,
  ),
  causeway_job_reused_bytes: counter('Bytes that did not travel: the destination had them.', 'bytes', VM),
  causeway_job_zero_bytes: counter('Bytes that did not travel: zeros.', 'bytes', VM),
  causeway_job_entries: counter('Files, folders and links that copies brought to their end.', null, VM),
  causeway_job_problems: counter('Entries that ended copies could not bring over.', null, VM),
  causeway_job_attempts: counter('Attempts of copies, the first ones included.', null, VM),
  causeway_job_remaining_bytes: gauge('Bytes that running copies have still to make durable.', 'bytes', [
    'vm',
  ]),
  causeway_job_rate_bytes: gauge('Bytes that running copies make durable in a second.', 'bytes', ['vm']),
  causeway_jobs_stalled: gauge('Running copies in which nothing moves, by cause (docs/explain.md).', null, [
    'vm',
    'cause',
  ]),
  causeway_job_stalls: counter('Times that a copy came to a stand, by cause (docs/explain.md).', null, [
    'vm',
    'cause',
  ]),
  causeway_jobs_limited: gauge('Running copies by the stage that keeps them from being faster.', null, [
    'side',
    'stage',
  ]),
  causeway_stage_busy_seconds: counter('Time in which a stage of copies worked.', 'seconds', STAGE),
  causeway_stage_starved_seconds: counter(
    'Time in which a stage of copies had nothing to do yet.',
    'seconds',
    STAGE,
  ),
  causeway_stage_blocked_seconds: counter(
    'Time in which nobody took what a stage of copies had.',
    'seconds',
    STAGE,
  ),
  causeway_stage_bytes: counter('Bytes that a stage of copies passed on.', 'bytes', STAGE),
  causeway_queue_length: gauge('Copies that wait, by reason.', null, ['reason']),
  causeway_queue_oldest_seconds: gauge(
    'For how long the copy has waited that waits for the longest time.',
    'seconds',
  ),
  causeway_queue_wait_seconds: histogram('How long copies waited before they began to run.', WAIT_SECONDS, [
    'direction',
  ]),
  causeway_queue_running_limit: gauge('Copies that may run at the same time.'),
  causeway_rate_limit_bytes: gauge(
    'Bytes per second that the copies share in each direction; 0: no limit.',
    'bytes',
  ),
  causeway_rate_copies: gauge('Copies that share the rate.', null, ['direction']),
  causeway_rate_waiting: gauge('Pieces of copies that wait for their turn of the shared rate.', null, [
    'direction',
  ]),
  causeway_rate_granted_bytes: counter('Bytes that the shared rate let go.', 'bytes', ['direction']),
  causeway_undo_held_bytes: gauge('Bytes that are kept so that copies can be undone.', 'bytes'),
  causeway_undo_jobs: gauge('Ended copies that can be undone.'),
} as const satisfies Record<string, FamilySpec>;
