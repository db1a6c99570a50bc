import type { JobState } from '../contract/schemas.ts';

/**
 * What happens to a job. `yield` puts a running one back into the queue, `retry` too, after a failure; `resume` takes
 * up a paused or an interrupted one.
 */
export type JobEvent =
  | 'start'
  | 'yield'
  | 'retry'
  | 'pause'
  | 'resume'
  | 'interrupt'
  | 'cancel'
  | 'done'
  | 'partial'
  | 'fail';

/** An event that is missing for a state does not happen to a job in it, or is refused to the user who asks for it. */
const TRANSITIONS: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  waiting: {
    start: 'running',
    pause: 'paused',
    resume: 'waiting',
    interrupt: 'interrupted',
    cancel: 'cancelled',
    fail: 'failed',
  },
  running: {
    yield: 'waiting',
    retry: 'waiting',
    pause: 'paused',
    resume: 'running',
    interrupt: 'interrupted',
    cancel: 'cancelled',
    done: 'done',
    partial: 'partial',
    fail: 'failed',
  },
  paused: {
    pause: 'paused',
    resume: 'waiting',
    interrupt: 'interrupted',
    cancel: 'cancelled',
    fail: 'failed',
  },
  interrupted: { resume: 'waiting', interrupt: 'interrupted', cancel: 'cancelled' },
  // what ended in another way stays so: stopping it again is no error
  done: { interrupt: 'done', cancel: 'done' },
  partial: { interrupt: 'partial', cancel: 'partial' },
  failed: { interrupt: 'failed', cancel: 'failed' },
  cancelled: { interrupt: 'cancelled', cancel: 'cancelled' },
};

const ENDS: readonly JobState[] = ['done', 'partial', 'failed', 'interrupted', 'cancelled'];

/** The state after `event`; null where the state does not allow it. */
export function nextJobState(state: JobState, event: JobEvent): JobState | null {
  return TRANSITIONS[state][event] ?? null;
}

/** True for a job that is neither in the queue, nor runs, nor is paused. */
export function hasEnded(state: JobState): boolean {
  return ENDS.includes(state);
}
