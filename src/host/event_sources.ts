import type { EventSources } from '../service/event_hub.ts';
import type { Access } from './access.ts';
import type { JobManager } from './job_manager.ts';
import type { Machines } from './machines.ts';

/** What the parts of a daemon tell of their changes. */
export function eventSources(jobs: JobManager, machines: Machines, access: Access): EventSources {
  return {
    jobs: (listener, isWanted) => jobs.watchAll(listener, isWanted),
    machines: (listener) => machines.onChange(listener),
    users: (listener) => access.identity.users.onChange(listener),
    audit: (listener) => access.trail.onRecord(listener),
  };
}
