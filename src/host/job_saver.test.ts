import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/link/manual_clock.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { frameOf, NO_FIGURES } from './job_frame.ts';
import { JobSaver } from './job_saver.ts';
import type { StoredJob } from './job_store.ts';
import { MemoryJobStore } from './memory_job_store.ts';

/** A store on a disk that is full while `full` is set. */
class FillableStore extends MemoryJobStore {
  full = false;

  override async put(jobs: readonly StoredJob[]): Promise<void> {
    if (this.full) throw new CausewayError('CW_DISK_FULL', 'no space left');
    await super.put(jobs);
  }
}

function version(state: StoredJob['state']): StoredJob {
  const job = {
    id: 'a',
    request: { direction: 'in' as const, vm: 'vm', sources: ['/s'], destination: '/d' },
    createdAtMs: 1,
    state,
    wish: null,
    started: false,
    retriesUsed: 0,
    notBeforeMs: null,
  };
  return { ...job, view: { ...NO_FIGURES, ...frameOf(job) } };
}

const full = (thrown: unknown) => thrown instanceof CausewayError && thrown.code === 'CW_DISK_FULL';

test('what a full disk refused is stored once there is room, and only its newest version', async () => {
  const store = new FillableStore();
  const clock = new ManualClock();
  const saver = new JobSaver(store, clock);
  store.full = true;
  const refused = assert.rejects(saver.save(version('waiting')), full);
  await assert.rejects(saver.save(version('running')), full);
  await refused;
  assert.equal(saver.unsaved('a')?.state, 'running');
  await clock.advance(LIMITS.queueRecheckMs.value);
  assert.equal(await store.get('a'), null);
  store.full = false;
  await clock.advance(LIMITS.queueRecheckMs.value);
  assert.equal((await store.get('a'))?.state, 'running');
  assert.equal(saver.unsaved('a'), undefined);
});

test('a version that is stored meanwhile is not replaced by the older one', async () => {
  const store = new FillableStore();
  const clock = new ManualClock();
  const saver = new JobSaver(store, clock);
  store.full = true;
  await assert.rejects(saver.save(version('waiting')), full);
  store.full = false;
  await saver.save(version('done'));
  assert.equal(saver.unsaved('a'), undefined);
  await clock.advance(10 * LIMITS.queueRecheckMs.value);
  assert.equal((await store.get('a'))?.state, 'done');
});

test('the close tries a last time and does not wait for room', async () => {
  const store = new FillableStore();
  const saver = new JobSaver(store, new ManualClock());
  store.full = true;
  await assert.rejects(saver.save(version('waiting')), full);
  await saver.close();
  store.full = false;
  await saver.close();
  assert.equal((await store.get('a'))?.state, 'waiting');
});
