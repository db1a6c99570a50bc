import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { JobView } from '../../src/contract/schemas.ts';
import { QueueStage } from './queue_stage.ts';

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;
/** Of the links: slow enough for a test to step in. */
const RATE_BYTES_PER_MS = 100;

async function staged(guests: number, body: (stage: QueueStage) => Promise<void>): Promise<void> {
  const stage = new QueueStage(guests, RATE_BYTES_PER_MS);
  await stage.start();
  await body(stage);
}

const hasEnded = (view: JobView) => view.endedAtMs !== null;
const flows = (view: JobView) => view.durableBytes > 0;

test('copies beyond the limit wait for their turn; the highest priority goes first, then the oldest', () =>
  staged(1, async (stage) => {
    const running: JobView[] = [];
    for (let n = 0; n < LIMITS.copiesPerVmMax.value; n += 1)
      running.push(await stage.copy('g0', `r${n}`, MIB));
    const low = await stage.copy('g0', 'low', 100, { priority: -1 });
    const first = await stage.copy('g0', 'first', 100);
    const second = await stage.copy('g0', 'second', 100);
    const high = await stage.copy('g0', 'high', 100, { priority: 10 });
    for (const { id } of running) assert.equal((await stage.job(id)).state, 'running');
    for (const { id } of [low, first, second, high])
      assert.equal((await stage.job(id)).waiting?.reason, 'turn');
    assert.deepEqual(
      stage.jobs.active().map(({ state }) => state),
      [...running.map(() => 'running'), 'waiting', 'waiting', 'waiting', 'waiting'],
    );
    await stage.answer(stage.jobs.pause(running[0]!.id));
    const order: string[] = [];
    for (const { id, destination } of [high, first, second, low]) {
      const { endedAtMs } = await stage.untilJob(id, 'its end', hasEnded);
      order.push(`${endedAtMs} ${destination}`);
    }
    assert.deepEqual([...order].sort(), order, 'one after the other in the one free place');
  }));

test('a paused copy keeps what it has and its figures, through the death of the daemon, until it is resumed', () =>
  staged(1, async (stage) => {
    const { id } = await stage.copy('g0', 'file', 2 * MIB);
    await stage.untilJob(id, 'a part is durable', (view) => view.durableBytes >= MIB / 2);
    const paused = await stage.answer(stage.jobs.pause(id));
    assert.deepEqual([paused.state, paused.phase, paused.endedAtMs], ['paused', 'paused', null]);
    stage.killDaemon();
    await stage.startDaemon();
    await stage.sim.advance(MINUTE_MS);
    const after = await stage.job(id);
    assert.deepEqual(
      [after.state, after.percent, after.durableBytes, after.elapsedMs],
      ['paused', paused.percent, paused.durableBytes, paused.elapsedMs],
    );
    await stage.answer(stage.jobs.resume(id));
    let percent = paused.percent ?? 0;
    const end = await stage.untilJob(id, 'its end', (view) => {
      assert.ok((view.percent ?? 0) >= percent, 'the percentage never falls');
      percent = view.percent ?? 0;
      return hasEnded(view);
    });
    assert.equal(end.state, 'done');
    assert.ok(
      end.recoveredBytes >= paused.durableBytes - LIMITS.unflushedMaxBytes.value && end.recoveredBytes > 0,
    );
    assert.ok(end.sentBytes < 2.5 * MIB, `${end.sentBytes} bytes were sent in all`);
  }));

test('a job in the queue can be paused, resumed, interrupted and cancelled', () =>
  staged(1, async (stage) => {
    stage.killAgent('g0');
    const { id } = await stage.copy('g0', 'file', 100);
    assert.equal((await stage.job(id)).waiting?.reason, 'machine');
    assert.equal((await stage.answer(stage.jobs.pause(id))).state, 'paused');
    assert.equal((await stage.answer(stage.jobs.resume(id))).state, 'waiting');
    assert.equal((await stage.answer(stage.jobs.interrupt(id))).state, 'interrupted');
    await assert.rejects(stage.answer(stage.jobs.pause(id)), { code: 'CW_JOB_STATE' });
    assert.equal((await stage.answer(stage.jobs.resume(id))).state, 'waiting');
    const cancelled = await stage.answer(stage.jobs.cancel(id));
    assert.deepEqual([cancelled.state, cancelled.note], ['cancelled', null], 'it has left nothing anywhere');
    await assert.rejects(stage.answer(stage.jobs.resume(id)), { code: 'CW_JOB_STATE' });
    assert.equal((await stage.answer(stage.jobs.cancel(id))).state, 'cancelled');
  }));

test('a copy runs in its time windows only, and goes on in the next one', () =>
  staged(1, async (stage) => {
    // the clock of the machine begins at midnight; 12 MiB take two minutes
    const { id } = await stage.copy('g0', 'file', 12 * MIB, { windows: ['00:02-00:03', '00:05-00:30'] });
    assert.equal((await stage.job(id)).waiting?.text, 'for its time window until 00:02');
    const startMs = (await stage.untilJob(id, 'its start', (view) => view.state === 'running')).createdAtMs;
    assert.ok(
      stage.sim.nowMs >= 2 * MINUTE_MS && stage.sim.nowMs < 2 * MINUTE_MS + LIMITS.queueRecheckMs.value,
    );
    await stage.untilJob(id, 'the end of the window', (view) => view.waiting?.reason === 'window');
    assert.ok(
      stage.sim.nowMs >= 3 * MINUTE_MS && stage.sim.nowMs < 3 * MINUTE_MS + LIMITS.queueRecheckMs.value,
    );
    const waiting = await stage.job(id);
    assert.equal(waiting.waiting?.untilMs, startMs - (startMs % (24 * 60 * MINUTE_MS)) + 5 * MINUTE_MS);
    assert.ok(waiting.durableBytes > MIB);
    const end = await stage.untilJob(id, 'its end', hasEnded);
    assert.equal(end.state, 'done');
    assert.ok(stage.sim.nowMs > 5 * MINUTE_MS && end.recoveredBytes > MIB);
    assert.ok(end.elapsedMs < 3 * MINUTE_MS, 'time in the queue is not counted');
  }));

test('a failure that may pass is tried again as often as was asked for, after growing waits', () =>
  staged(1, async (stage) => {
    const { disk } = stage.guests[0]!;
    const { id } = await stage.copy('g0', 'file', MIB, { retries: 10 });
    await stage.untilJob(id, 'it runs', flows);
    disk.setFull(true);
    const first = await stage.untilJob(id, 'the first retry', (view) => view.waiting?.reason === 'retry');
    assert.deepEqual(first.retries, { max: 10, used: 1 });
    assert.equal(first.lastError?.code, 'CW_DISK_FULL');
    assert.match(first.waiting!.text, /^for retry 1 of 10 until 00:00: .*no space/);
    stage.killDaemon();
    await stage.startDaemon();
    const second = await stage.untilJob(id, 'the second retry', (view) => view.retries.used === 2);
    assert.equal(second.lastError?.code, 'CW_COPY_NO_SPACE');
    assert.ok(second.waiting!.untilMs! - first.waiting!.untilMs! >= 2 * LIMITS.jobRetryMinMs.value);
    disk.setFull(false);
    const end = await stage.untilJob(id, 'its end', hasEnded);
    assert.deepEqual([end.state, end.retries.used, end.error], ['done', 2, null]);
    assert.ok(end.recoveredBytes > 0, 'it goes on where it was');
  }));

test('a failure is final where no retry was asked for', () =>
  staged(1, async (stage) => {
    const { id } = await stage.copy('g0', 'file', MIB);
    await stage.untilJob(id, 'it runs', flows);
    stage.guests[0]!.disk.setFull(true);
    const { state } = await stage.untilJob(id, 'its end', hasEnded);
    assert.ok(state === 'failed' || state === 'partial', state);
  }));

test('a job that waits for a retry is tried at once when it is resumed', () =>
  staged(1, async (stage) => {
    const { disk } = stage.guests[0]!;
    const { id } = await stage.copy('g0', 'file', MIB, { retries: 1 });
    await stage.untilJob(id, 'it runs', flows);
    disk.setFull(true);
    await stage.untilJob(id, 'the retry', (view) => view.waiting?.reason === 'retry');
    disk.setFull(false);
    assert.equal((await stage.answer(stage.jobs.resume(id))).state, 'running');
    assert.equal((await stage.untilJob(id, 'its end', hasEnded)).state, 'done');
  }));

test('the same copy is one job: asked for again it is joined, resumed, and takes the new options', () =>
  staged(1, async (stage) => {
    const first = await stage.copy('g0', 'file', MIB, { priority: 1, retries: 2 });
    await stage.answer(stage.jobs.pause(first.id));
    const again = await stage.copy('g0', 'file', MIB, { priority: 3 });
    assert.deepEqual([again.id, again.state, again.priority, again.retries.max], [first.id, 'running', 3, 2]);
    const cancelling = stage.jobs.cancel(first.id);
    const fresh = await stage.copy('g0', 'file', MIB);
    assert.notEqual(fresh.id, first.id, 'what is being cancelled is not joined');
    assert.equal((await stage.answer(cancelling)).state, 'cancelled');
    assert.equal((await stage.untilJob(fresh.id, 'its end', hasEnded)).state, 'done');
  }));

test('copies of machines that are away give their places to those that can run, and get new ones', () =>
  staged(5, async (stage) => {
    const { copiesMax, copiesPerVmMax } = LIMITS;
    const away = copiesMax.value / copiesPerVmMax.value;
    assert.equal(away, 4);
    const ids: string[] = [];
    for (let n = 0; n < copiesMax.value; n += 1)
      ids.push((await stage.copy(`g${n % away}`, `f${n}`, MIB)).id);
    for (const id of ids) await stage.untilJob(id, 'it runs', flows);
    for (let n = 0; n < away; n += 1) stage.killAgent(`g${n}`);
    const { id } = await stage.copy('g4', 'urgent', MIB);
    assert.equal((await stage.job(id)).waiting?.reason, 'turn');
    const { durableBytes } = await stage.untilJob(id, 'it runs', flows, LIMITS.queueYieldMs.value + 60_000);
    assert.ok(durableBytes > 0);
    const views = await Promise.all(ids.map((one) => stage.job(one)));
    assert.deepEqual(
      views.filter(({ state }) => state !== 'running').map(({ waiting }) => waiting?.reason),
      ['machine'],
      'one gave its place, and no more',
    );
    for (let n = 0; n < away; n += 1) stage.startAgent(`g${n}`);
    for (const one of [id, ...ids])
      assert.equal((await stage.untilJob(one, 'its end', hasEnded)).state, 'done');
  }));

test('jobs of a machine that is removed end with that reason', () =>
  staged(2, async (stage) => {
    const running = await stage.copy('g0', 'running', MIB);
    await stage.untilJob(running.id, 'it runs', flows);
    const paused = await stage.copy('g0', 'paused', MIB);
    await stage.answer(stage.jobs.pause(paused.id));
    const other = await stage.copy('g1', 'other', MIB);
    await stage.answer(stage.daemon.machines.remove('g0'));
    for (const { id } of [running, paused]) {
      const { state, error } = await stage.untilJob(id, 'its end', hasEnded);
      assert.deepEqual([state, error?.code], ['failed', 'CW_VM_UNKNOWN']);
    }
    assert.equal((await stage.untilJob(other.id, 'its end', hasEnded)).state, 'done');
  }));

test('cancelling an interrupted job leaves alone what the same copy, started again, uses', () =>
  staged(1, async (stage) => {
    const first = await stage.copy('g0', 'file', 2 * MIB);
    await stage.untilJob(first.id, 'a part is durable', flows);
    await stage.answer(stage.jobs.interrupt(first.id));
    const second = await stage.copy('g0', 'file', 2 * MIB);
    await stage.untilJob(second.id, 'it copies', (view) => view.phase === 'copying');
    const cancelled = await stage.answer(stage.jobs.cancel(first.id));
    assert.equal(cancelled.note, `what was copied so far is used by job ${second.id}`);
    const end = await stage.untilJob(second.id, 'its end', hasEnded);
    assert.deepEqual([end.state, end.attempts], ['done', 1]);
  }));

test('a copy out of a machine ends with the last figures of its source', () =>
  staged(1, async (stage) => {
    const sizes = [20, 300, 70_000, MIB + 1, 5_000];
    for (const [at, size] of sizes.entries())
      stage.guests[0]!.disk.writeTree('/src', { [`f${at}`]: new Uint8Array(size).fill(at + 1) });
    const more = { direction: 'out' as const, sources: ['/src/.'], destination: '/dst/out' };
    const { id } = await stage.copy('g0', 'unused', 1, more);
    const end = await stage.untilJob(id, 'its end', hasEnded);
    assert.deepEqual([end.state, end.sentBytes], ['done', end.plannedBytes]);
  }));
