import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { JobView, VmView } from '../../contract/schemas.ts';
import type { AuditTrail, TrailEvent } from '../../service/audit_trail.ts';
import { frameOf, NO_FIGURES } from '../job_frame.ts';
import type { Happening } from './notification.ts';
import { NotifyMemory, NotifyWatch } from './notify_watch.ts';

const FRAME = frameOf({
  id: '1',
  request: { direction: 'in' as const, vm: 'dev', sources: ['/a'], destination: '/b' },
  createdAtMs: 0,
  state: 'running',
  wish: null,
  started: true,
  retriesUsed: 0,
  notBeforeMs: null,
});
const job = (patch: Partial<JobView>): JobView => ({ ...NO_FIGURES, ...FRAME, ...patch });
const STALLED = {
  explanation: {
    id: 'link-silent',
    kind: 'stalled',
    side: 'host',
    stage: 'link',
    share: 1,
    cause: 'nothing is heard',
    evidence: '',
    fix: 'look at the cable',
  },
} as const;

function rig(context: TestContext, damage: string | null = null) {
  const told: Happening[] = [];
  let nowMs = 0;
  let wake: (() => void)[] = [];
  let endJob: (view: JobView) => void = () => undefined;
  let trailEvent: (event: TrailEvent) => void = () => undefined;
  let checked: (isSound: boolean) => void = () => undefined;
  const state = { running: [] as JobView[], vms: [] as VmView[] };
  const watch = new NotifyWatch({
    clock: {
      monotonicMs: () => nowMs,
      wallMs: () => nowMs,
      sleep: (ms, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        signal?.addEventListener('abort', () => reject(signal.reason));
        if (ms === LIMITS.metricJobsSampleMs.value) wake.push(resolve); // the audit log is not checked here
        return promise;
      },
    },
    jobs: {
      watchAll: (listener) => {
        endJob = listener;
        return () => undefined;
      },
      running: () => state.running,
    },
    machines: { views: () => state.vms },
    trail: {
      log: { opening: { damage, dropped: null } },
      watch: (listener: typeof trailEvent) => {
        trailEvent = listener;
        return () => undefined;
      },
    } as unknown as AuditTrail,
    tell: (happening) => told.push(happening),
    onAuditCheck: (listener) => {
      checked = listener;
      return () => undefined;
    },
    noteAuditCheck: () => undefined,
    memory: new NotifyMemory(),
  });
  context.after(() => watch.close());
  return {
    state,
    end: (view: JobView) => endJob(view),
    trail: (event: TrailEvent) => trailEvent(event),
    checked: (isSound: boolean) => checked(isSound),
    /** Lets time pass, and the watch look once. */
    look: async (afterMs = LIMITS.metricJobsSampleMs.value) => {
      nowMs += afterMs;
      const waiting = wake;
      wake = [];
      for (const go of waiting) go();
      while (wake.length === 0) await new Promise((resolve) => setImmediate(resolve));
    },
    told: () =>
      told
        .splice(0)
        .map(({ event, recovered = false, vm }) => `${event}${recovered ? ' over' : ''} ${vm ?? ''}`.trim()),
  };
}

describe('what people are told', () => {
  it('is a copy that failed or is done in part, and no other end', (context) => {
    const { end, told } = rig(context);
    for (const state of ['failed', 'partial', 'done', 'cancelled', 'interrupted'] as const)
      end(job({ state, endedAtMs: 1 }));
    end(job({ state: 'running' }));
    assert.deepEqual(told(), ['job-failed dev', 'job-failed dev']);
  });

  it('is a stand, once, and that it is over; not when somebody pauses the copy', async (context) => {
    const { state, look, told } = rig(context);
    for (const running of [[job({})], [job(STALLED)], [job(STALLED)], [job({})], [job(STALLED)], []]) {
      state.running = running;
      await look();
    }
    assert.deepEqual(told(), ['job-stalled dev', 'job-stalled over dev', 'job-stalled dev']);
  });

  it('is a link that worked and is down for a while, or failed for good', async (context) => {
    const { state, look, told } = rig(context);
    const vm = (patch: Partial<VmView>) => [
      { name: 'dev', state: 'up', sinceMs: 0, error: null, ...patch } as VmView,
    ];
    state.vms = vm({ state: 'connecting' });
    await look(10 * LIMITS.notifyLinkDownMs.value);
    assert.deepEqual(told(), [], 'it never worked');
    state.vms = vm({});
    await look();
    const sinceMs = 10 * LIMITS.notifyLinkDownMs.value + LIMITS.metricJobsSampleMs.value;
    state.vms = vm({ state: 'interrupted', sinceMs });
    await look(LIMITS.notifyLinkDownMs.value - 1);
    assert.deepEqual(told(), [], 'it may come back');
    await look(1);
    await look();
    assert.deepEqual(told(), ['link-down dev']);
    state.vms = vm({});
    await look();
    state.vms = vm({ state: 'failed' });
    await look();
    assert.deepEqual(told(), ['link-down over dev', 'link-down dev']);
    state.vms = [];
    await look();
    assert.deepEqual(told(), []);
  });

  it('is an audit log that was changed, or is not written, and its end', (context) => {
    const { trail, checked, told } = rig(context, 'a record is missing');
    checked(false);
    checked(true);
    trail({ kind: 'write-failed', message: 'full' });
    trail({ kind: 'write-failed', message: 'full' });
    trail({ kind: 'written', durationMs: 1 });
    trail({ kind: 'written', durationMs: 1 });
    const [broken, over] = ['audit-broken', 'audit-broken over'];
    assert.deepEqual(told(), [broken, over, broken, over]);
  });
});
