import { batch, computed, signal } from '@preact/signals';
import type { JobPage, JobView, StatusView, VmView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { ApiError } from '../api/errors.ts';
import { every, wallMs } from '../browser/clock.ts';
import { sample } from './speeds.ts';

const POLL_MS = 1_000;
const RECENT_JOBS = 20;

/** What the daemon told last; null before its first answer. */
export const status = signal<StatusView | null>(null);
/** The newest jobs, ended ones too. */
export const recentJobs = signal<readonly JobView[]>([]);
/** False while the daemon does not answer. */
export const reachable = signal(true);
/** The time of the page, ms since 1970 UTC: ticks with each answer. */
export const now = signal(wallMs());
/** Set where the daemon wants to know who asks. */
export const refused = signal(false);

export const machines = computed<readonly VmView[]>(() => status.value?.vms ?? []);

let asking = false;
let endedSeen = '';

/** Asks the daemon once; views that are open ask for more by themselves. */
export async function refresh(): Promise<void> {
  if (asking) return;
  asking = true;
  try {
    const next = await call('status', {});
    // A list is asked for when a job has come or gone, not with each tick.
    const active = next.activeJobs.map((job) => job.id).join();
    const page: JobPage | null =
      active !== endedSeen || status.value === null
        ? await call('listJobs', {}, { limit: RECENT_JOBS })
        : null;
    endedSeen = active;
    batch(() => {
      status.value = next;
      if (page !== null) recentJobs.value = page.jobs;
      reachable.value = true;
      refused.value = false;
      now.value = wallMs();
      sample(next, now.value);
    });
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    batch(() => {
      now.value = wallMs();
      refused.value = failure.status === 401;
      reachable.value = failure.status !== 0;
    });
  } finally {
    asking = false;
  }
}

/** Keeps asking while the page is looked at. */
export function beginPolling(): void {
  void refresh();
  every(POLL_MS, () => {
    if (document.visibilityState === 'visible') void refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refresh();
  });
}
