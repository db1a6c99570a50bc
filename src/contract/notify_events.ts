/** What people can be told of. Apart from the schemas, which not every page needs. */
export const NOTIFY_EVENTS = ['job-failed', 'job-stalled', 'link-down', 'audit-broken'] as const;
