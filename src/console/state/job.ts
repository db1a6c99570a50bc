import { signal } from '@preact/signals';
import type { JobView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { ApiError } from '../api/errors.ts';
import { every } from '../browser/clock.ts';
import { isLive } from './daemon.ts';

const POLL_MS = 1_000;

/** The job that is looked at: null before the first answer, `gone` where the daemon knows it no longer. */
export const shownJob = signal<JobView | 'gone' | null>(null);

/** Keeps {@link shownJob} up to date until what is given back is called. */
export function showJob(id: string): () => void {
  shownJob.value = null;
  let over = false;
  const ask = async (): Promise<void> => {
    try {
      const job = await call('showJob', { id });
      if (!over) shownJob.value = job;
    } catch (failure) {
      // What the daemon does not answer is told for the whole page.
      if (!over && failure instanceof ApiError && failure.status === 404) shownJob.value = 'gone';
    }
  };
  void ask();
  const stop = every(POLL_MS, () => {
    // Events tell of a copy that runs, and not of what becomes of its undo.
    const isTold =
      isLive.value &&
      shownJob.value !== null &&
      shownJob.value !== 'gone' &&
      shownJob.value.endedAtMs === null;
    if (document.visibilityState === 'visible' && !isTold) void ask();
  });
  return () => {
    over = true;
    stop();
  };
}
