import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobState } from '../contract/schemas.ts';
import { hasEnded, type JobEvent, nextJobState } from './job_state.ts';

const EVENTS: readonly JobEvent[] = [
  'start',
  'yield',
  'retry',
  'pause',
  'resume',
  'interrupt',
  'cancel',
  'done',
  'partial',
  'fail',
];

/** For each state what the events above lead to, in their order; a dash is refused. */
const TABLE: Readonly<Record<JobState, string>> = {
  waiting: 'running - - paused waiting interrupted cancelled - - failed',
  running: '- waiting waiting paused running interrupted cancelled done partial failed',
  paused: '- - - paused waiting interrupted cancelled - - failed',
  interrupted: '- - - - waiting interrupted cancelled - - -',
  done: '- - - - - done done - - -',
  partial: '- - - - - partial partial - - -',
  failed: '- - - - - failed failed - - -',
  cancelled: '- - - - - cancelled cancelled - - -',
};

for (const [state, expected] of Object.entries(TABLE)) {
  test(`a ${state} job`, () => {
    const actual = EVENTS.map((event) => nextJobState(state as JobState, event) ?? '-');
    assert.equal(actual.join(' '), expected);
  });
}

test('only a resume leads out of an end, and only out of an interrupted job', () => {
  for (const state of Object.keys(TABLE) as JobState[]) {
    const ways = EVENTS.filter((event) => !hasEnded(nextJobState(state, event) ?? 'done'));
    if (hasEnded(state)) assert.deepEqual(ways, state === 'interrupted' ? ['resume'] : []);
  }
});
