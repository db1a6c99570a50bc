import { counter, type FamilySpec, gauge, histogram } from './family.ts';

const WRITE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5];

/** The daemon itself: who signs in, what is recorded, what is shared, what it answers, what it uses. */
export const DAEMON_FAMILIES = {
  causeway_sign_ins: counter('Attempts to sign in by password, by result.', null, ['result']),
  causeway_sessions: gauge('Browsers that are signed in.'),
  causeway_tokens: gauge('API tokens that have not expired.'),
  causeway_token_expiry_timestamp_seconds: gauge(
    'When the token expires that expires first, in seconds since 1970 UTC.',
    'seconds',
  ),
  causeway_users: gauge('Users by whether they are disabled.', null, ['state']),
  causeway_access_refusals: counter('Requests that were refused, by code (docs/errors.md).', null, ['code']),
  causeway_audit_records: counter('Records in the audit log since it began.'),
  causeway_audit_segments: gauge('Number of the newest file of the audit log.'),
  causeway_audit_segment_bytes: gauge('Size of the newest file of the audit log.', 'bytes'),
  causeway_audit_write_seconds: histogram(
    'How long audit records took to be flushed to the disk.',
    WRITE_SECONDS,
  ),
  causeway_audit_write_failures: counter(
    'Audit records that could not be written; what they speak of was refused.',
  ),
  causeway_audit_sound: gauge('1 where the last check of the audit log found it whole, 0 where it did not.'),
  causeway_audit_check_timestamp_seconds: gauge(
    'When the audit log was checked last, in seconds since 1970 UTC.',
    'seconds',
  ),
  causeway_shares: gauge('Shares by state.', null, ['state']),
  causeway_share_requests: counter('Requests to a share, by method and status.', null, [
    'share',
    'method',
    'status',
  ]),
  causeway_share_sent_bytes: counter('Bytes of answers of a share.', 'bytes', ['share']),
  causeway_share_received_bytes: counter('Bytes of requests to a share.', 'bytes', ['share']),
  causeway_share_open_requests: gauge('Requests that a share answers at this moment.', null, ['share']),
  causeway_share_locks: gauge('WebDAV locks of a share.', null, ['share']),
  causeway_share_used_bytes: gauge('Bytes in a share with a quota.', 'bytes', ['share']),
  causeway_share_quota_bytes: gauge('Quota of a share that has one.', 'bytes', ['share']),
  causeway_api_requests: counter('Requests of the API, by procedure and status.', null, [
    'transport',
    'procedure',
    'status',
  ]),
  causeway_api_request_duration_seconds: histogram('How long answers of the API took.', REQUEST_SECONDS, [
    'procedure',
  ]),
  causeway_api_event_readers: gauge('Open streams of events.'),
  causeway_part_up: gauge(
    '1 for a part of the daemon that runs, 0 for one that is being started again.',
    null,
    ['part'],
  ),
  causeway_part_restarts: counter('How often a part of the daemon was started again by itself.', null, [
    'part',
  ]),
  causeway_notifications: counter(
    'Notifications by receiver, and how each attempt or the last one ended.',
    null,
    ['receiver', 'result'],
  ),
  causeway_notification_queue_length: gauge('Notifications that wait for a receiver.', null, ['receiver']),
  causeway_disk_free_bytes: gauge('Free space of the disk of a folder: the state, or a share.', 'bytes', [
    'place',
  ]),
  causeway_disk_size_bytes: gauge('Size of the disk of a folder: the state, or a share.', 'bytes', ['place']),
  causeway_build_info: gauge('Always 1; the labels say what runs.', null, [
    'version',
    'build_id',
    'protocol',
  ]),
  causeway_uptime_seconds: gauge('For how long the daemon has run.', 'seconds'),
  causeway_metrics_dropped_series: counter('Series that were left out because a family had too many.'),
  causeway_main_thread_seconds: counter('Time in which the main thread worked.', 'seconds'),
  causeway_event_loop_lag_seconds: gauge('Mean lateness of the main thread since the start.', 'seconds'),
  causeway_event_loop_lag_p99_seconds: gauge(
    '99th percentile of the lateness of the main thread.',
    'seconds',
  ),
  causeway_heap_used_bytes: gauge('JavaScript heap in use.', 'bytes'),
  causeway_heap_size_bytes: gauge('JavaScript heap as it is reserved.', 'bytes'),
  causeway_external_memory_bytes: gauge('Memory of buffers beside the JavaScript heap.', 'bytes'),
  causeway_gc_runs: counter('Collections of garbage, by kind.', null, ['kind']),
  causeway_gc_seconds: counter('Time that collections of garbage took, by kind.', 'seconds', ['kind']),
  causeway_host_pressure_seconds: counter(
    'Time in which at least one process of the host waited for it (pressure stall information).',
    'seconds',
    ['resource'],
  ),
  causeway_stuck_threads: gauge(
    'Threads of the daemon that wait in the kernel, as a hanging disk makes them.',
  ),
  causeway_cpus: gauge('Processors that the daemon may use.'),
  process_cpu_seconds: counter('Processor time of the daemon.', 'seconds'),
  process_resident_memory_bytes: gauge('Memory of the daemon.', 'bytes'),
  process_start_time_seconds: gauge('When the daemon was started, in seconds since 1970 UTC.', 'seconds'),
  process_open_fds: gauge('Open file descriptors of the daemon.'),
  process_max_fds: gauge('File descriptors that the daemon may have.'),
} as const satisfies Record<string, FamilySpec>;
