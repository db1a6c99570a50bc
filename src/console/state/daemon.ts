import { batch, computed, effect, signal } from '@preact/signals';
import type { JobPage, JobView, StatusView, VmView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { ApiError } from '../api/errors.ts';
import { every, wallMs } from '../browser/clock.ts';
import { loadMe, me, signedOut } from './session.ts';
import { sample } from './speeds.ts';

const POLL_MS = 1_000;
/** While events come, so many times less often. */
const LIVE_POLL_TICKS = 2;
const RECENT_JOBS = 20;

/** What the daemon told last; null before its first answer. */
export const status = signal<StatusView | null>(null);
/** The newest jobs, ended ones too. */
export const recentJobs = signal<readonly JobView[]>([]);
/** Changes come by themselves: what is asked for is only what no event tells. */
export const isLive = signal(false);
/** False while the daemon does not answer. */
export const reachable = signal(true);
/** The time of the page, ms since 1970 UTC: ticks with each answer. */
export const now = signal(wallMs());
export const machines = computed<readonly VmView[]>(() => status.value?.vms ?? []);

let asking = false;
let activeSeen = '';

/** What one user saw is nothing for the next one. */
effect(() => {
  if (me.value !== null) return;
  status.value = null;
  recentJobs.value = [];
});

/** Asks the daemon once; views that are open ask for more by themselves. */
export async function refresh(): Promise<void> {
  if (asking || me.value === null || me.value === 'unknown') return;
  asking = true;
  try {
    const next = await call('status', {});
    // A list is asked for when a job has come or gone, not with each tick.
    const active = next.activeJobs.map((job) => job.id).join();
    const page: JobPage | null =
      active !== activeSeen || status.value === null
        ? await call('listJobs', {}, { limit: RECENT_JOBS })
        : null;
    activeSeen = active;
    batch(() => {
      status.value = next;
      if (page !== null) recentJobs.value = page.jobs;
      reachable.value = true;
      now.value = wallMs();
      sample(next, now.value);
    });
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    batch(() => {
      now.value = wallMs();
      reachable.value = failure.status !== 0;
    });
    if (failure.status === 401) signedOut();
  } finally {
    asking = false;
  }
}

async function begin(): Promise<void> {
  reachable.value = await loadMe();
}

/** Keeps asking while the page is looked at. */
export function beginPolling(): void {
  const ask = (): void => {
    if (document.visibilityState !== 'visible') return;
    void (me.value === 'unknown' ? begin() : refresh());
  };
  ask();
  let tick = 0;
  every(POLL_MS, () => {
    tick += 1;
    if (!isLive.value || tick % LIVE_POLL_TICKS === 0) ask();
  });
  document.addEventListener('visibilitychange', ask);
  // Who has just signed in does not wait for the next tick.
  me.subscribe(() => void refresh());
}
