import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobView } from '../../contract/schemas.ts';
import { Readings } from '../../telemetry/readings.ts';
import { Tallies } from '../../telemetry/tallies.ts';
import { frameOf, NO_FIGURES } from '../job_frame.ts';
import { JobMeter } from './job_meter.ts';

const REQUEST = { direction: 'in' as const, vm: 'dev', sources: ['/a'], destination: '/b' };
const FRAME = frameOf({
  id: '1',
  request: REQUEST,
  createdAtMs: 0,
  state: 'waiting',
  wish: null,
  started: false,
  retriesUsed: 0,
  notBeforeMs: null,
});
const view = (patch: Partial<JobView>): JobView => ({ ...NO_FIGURES, ...FRAME, ...patch });

describe('the meter of copies', () => {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, wallMs: () => clock.nowMs };
  const rig = () => {
    clock.nowMs = 0;
    const tallies = new Tallies();
    const meter = new JobMeter(tallies, clock);
    const value = (name: string, suffix = '_total') => {
      const readings = new Readings();
      tallies.writeTo(readings);
      const family = readings.families().find((one) => one.name === name);
      return family?.samples.find((sample) => sample.suffix === suffix)?.value;
    };
    return { meter, value };
  };
  const running = (sentBytes: number, patch: Partial<JobView> = {}) =>
    view({ state: 'running', attempts: 1, sentBytes, ...patch });

  it('adds what a view says more than the one before, over attempts that begin again', () => {
    const { meter, value } = rig();
    meter.observe(view({}));
    for (const sent of [0, 10, 25, 0, 5]) meter.observe(running(sent));
    assert.equal(value('causeway_job_sent_bytes'), 30);
    assert.equal(value('causeway_jobs_started'), 1);
    assert.equal(value('causeway_job_attempts'), 1);
  });

  it('counts no byte of a resumed copy twice', () => {
    const { meter, value } = rig();
    meter.observe(running(1_000, { attempts: 2 }));
    meter.observe(running(1_004, { attempts: 2 }));
    assert.equal(value('causeway_job_sent_bytes'), 4);
    assert.equal(value('causeway_jobs_started'), undefined);
  });

  it('takes as durable what this attempt wrote', () => {
    const { meter, value } = rig();
    meter.observe(running(0));
    meter.observe(running(0, { durableBytes: 80, recoveredBytes: 80 }));
    meter.observe(running(0, { durableBytes: 95, recoveredBytes: 80 }));
    assert.equal(value('causeway_job_durable_bytes'), 15);
  });

  it('measures the wait in the queue once, and the end once', () => {
    const { meter, value } = rig();
    meter.observe(view({}));
    clock.nowMs = 4_000;
    for (const sent of [0, 1]) meter.observe(running(sent));
    const ended = running(1, { state: 'done', endedAtMs: 9_000, elapsedMs: 5_000 });
    meter.observe(ended);
    meter.observe(ended);
    assert.equal(value('causeway_queue_wait_seconds', '_count'), 1);
    assert.equal(value('causeway_queue_wait_seconds', '_sum'), 4);
    assert.equal(value('causeway_jobs_ended'), 1);
    assert.equal(value('causeway_job_duration_seconds', '_sum'), 5);
    assert.deepEqual([...meter.lastDoneMs], [['dev', 9_000]]);
  });

  it('counts a stand once for as long as it lasts', () => {
    const { meter, value } = rig();
    const stalled = {
      explanation: {
        id: 'link-silent',
        kind: 'stalled',
        side: 'host',
        stage: 'link',
        share: 1,
        cause: '',
        evidence: '',
        fix: '',
      },
    } as const;
    for (const patch of [{}, stalled, stalled, {}, stalled]) meter.observe(running(0, patch));
    assert.equal(value('causeway_job_stalls'), 2);
  });
});
