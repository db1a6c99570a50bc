import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACTIONS } from '../../access/rights/actions.ts';
import type { JobView, StatusView, VmView } from '../../contract/schemas.ts';
import { CAUSES } from '../../transfer/explain/causes.ts';
import { STAGES } from '../../wire/stages.ts';
import { en } from '../messages/en/index.ts';
import { zh } from '../messages/zh/index.ts';
import { findingsOf } from './health.ts';
import { jobName, jobTone, leftText, phaseText, routeText, sentence } from './jobs.ts';
import { appendSample, speedBetween } from './series.ts';
import { stageShares } from './stages.ts';

const JOB = {
  id: '1a2b3c4d',
  state: 'running',
  phase: 'copying',
  direction: 'in',
  vm: 'dev',
  sources: ['/srv/images/debian.qcow2'],
  destination: '/srv/',
  waiting: null,
  createdAtMs: 1_000,
  endedAtMs: null,
  elapsedMs: 10_000,
  remainingMs: { low: 1_000, high: 65_000 },
  limitingStage: { side: 'guest', stage: 'destinationFlush', share: 0.8 },
  stages: [
    { side: 'guest', stage: 'destinationFlush', bytes: 1, busyMs: 8_000, starvedMs: 2_000, blockedMs: 0 },
    { side: 'host', stage: 'sourceRead', bytes: 1, busyMs: 1_000 },
  ],
  stall: null,
} as unknown as JobView;

function job(part: Partial<JobView>): JobView {
  return { ...JOB, ...part };
}

describe('a job in words', () => {
  it('names both ends', () => {
    assert.equal(routeText(JOB, en.jobs), '/srv/images/debian.qcow2 → dev: /srv/');
    assert.equal(routeText(job({ direction: 'out' }), en.jobs), 'dev: /srv/images/debian.qcow2 → /srv/');
    const between = job({ direction: 'between', fromVm: 'db', sources: ['/a', '/b', '/c'] });
    assert.equal(routeText(between, en.jobs), 'db: /a and 2 more → dev: /srv/');
    assert.equal(routeText(between, zh.jobs), 'db: /a 等 3 项 → dev: /srv/');
    assert.equal(jobName(JOB, en.jobs), 'debian.qcow2 → dev');
    assert.equal(jobName(job({ direction: 'out', sources: ['/srv/data/'] }), zh.jobs), 'data → 本机');
  });

  it('says what it is at, and that it stands still before anything else', () => {
    assert.equal(phaseText(JOB, en), 'Copying');
    assert.equal(phaseText(job({ state: 'done', phase: 'done', endedAtMs: 2_000 }), en), 'Done');
    const waiting = { reason: 'window', text: '', untilMs: null } as const;
    assert.equal(phaseText(job({ waiting }), zh), '等待允许的时段');
    const stalled = job({ stall: { side: 'guest', stage: 'link', forMs: 12_000, cause: '', fix: '' } });
    assert.equal(phaseText(stalled, en), 'Stands still for 12 s');
    assert.equal(jobTone(stalled), 'bad');
    assert.equal(jobTone(JOB), 'busy');
  });

  it('tells the range of the time left while it runs', () => {
    assert.equal(leftText(JOB, en), '1.0 s to 1 min 5 s');
    assert.equal(leftText(job({ remainingMs: { low: 12_000, high: 12_400 } }), en), '12 s');
    assert.equal(leftText(job({ endedAtMs: 1 }), en), null);
  });

  it('has words in each language for every step, and parts of the whole time for each', () => {
    for (const stage of STAGES) for (const table of [en, zh]) assert.ok(table.job.stages[stage], stage);
    const [first, second] = stageShares(JOB);
    assert.equal(first?.view.stage, 'sourceRead');
    assert.deepEqual([first?.busy, first?.limits], [0.1, false]);
    assert.deepEqual([second?.busy, second?.starved, second?.blocked, second?.limits], [0.8, 0.2, 0, true]);
  });

  it('has words in each language for every action of the audit log', () => {
    for (const action of Object.keys(ACTIONS))
      for (const table of [en, zh]) assert.ok(action in table.audit.actions, action);
  });

  it('has Chinese words for every cause of a slow or stalled copy', () => {
    assert.deepEqual(Object.keys(zh.causes).sort(), [...CAUSES].sort());
  });

  it('makes a sentence of half a sentence', () => {
    assert.equal(sentence('run `causeway up`'), 'Run causeway up');
    assert.equal(sentence(''), '');
  });
});

describe('the health', () => {
  const vm = (name: string, state: VmView['state']) => ({ name, state }) as VmView;
  const status = (vms: VmView[], activeJobs: JobView[] = [], parts: object[] = []) =>
    ({ vms, activeJobs, parts }) as unknown as StatusView;
  const kinds = (...args: Parameters<typeof findingsOf>) => findingsOf(...args).map((one) => one.kind);

  it('is good where nothing needs a person', () => {
    assert.deepEqual(
      kinds(status([vm('a', 'up'), vm('b', 'connecting'), vm('c', 'waiting')], [JOB]), [JOB], 5_000),
      [],
    );
  });

  it('names what does, the worst first', () => {
    const stalled = job({ stall: { side: 'guest', stage: 'link', forMs: 1, cause: '', fix: '' } });
    assert.deepEqual(kinds(status([vm('a', 'interrupted'), vm('b', 'failed')], [stalled]), [], 0), [
      'stalled',
      'machineFailed',
      'machineLost',
    ]);
    const parts = [
      { name: 'console', state: 'running' },
      { name: 'shares', state: 'restarting' },
    ];
    assert.deepEqual(kinds(status([], [], parts), [], 0), ['part']);
  });

  it('forgets a failed copy after a day, and one that was asked for again', () => {
    const failed = job({ state: 'failed', endedAtMs: 2_000 });
    assert.deepEqual(kinds(status([]), [failed], 3_000), ['failed']);
    assert.deepEqual(kinds(status([]), [failed], 2_000 + 25 * 3_600_000), []);
    assert.deepEqual(kinds(status([]), [job({ id: '2', createdAtMs: 1_500 }), failed], 3_000), []);
  });
});

describe('speeds', () => {
  it('are what counters grew by; one that fell has begun anew', () => {
    const before = new Map([
      ['a', [100, 1_000] as const],
      ['b', [500, 0] as const],
    ]);
    const after = new Map([
      ['a', [300, 1_000] as const],
      ['b', [0, 50] as const],
      ['c', [9_999, 9_999] as const],
    ]);
    assert.deepEqual(speedBetween(before, after, 500), [400, 100]);
  });

  it('are kept up to a number of points', () => {
    let series = { times: [], lines: [[], []] } as Parameters<typeof appendSample>[0];
    for (let at = 1; at <= 5; at += 1) series = appendSample(series, at, [at, -at], 3);
    assert.deepEqual(series, {
      times: [3, 4, 5],
      lines: [
        [3, 4, 5],
        [-3, -4, -5],
      ],
    });
  });
});
