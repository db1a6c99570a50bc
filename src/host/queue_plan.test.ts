import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Seeded, testSeed } from '../../test/link/seeded.ts';
import {
  planQueue,
  type QueuePlan,
  type QueueSituation,
  type RunningCopy,
  type WaitingJob,
} from './queue_plan.ts';

const SITUATION: QueueSituation = {
  nowMs: 1_000,
  reachable: () => true,
  perVmMax: 2,
  totalMax: 3,
  yieldAfterMs: 100,
  retryMaxMs: 500,
};

let order = 0;
function job(id: string, more: Partial<WaitingJob> = {}): WaitingJob {
  order += 1;
  return { id, key: id, vm: 'vm', priority: 0, order, notBeforeMs: null, windowOpen: true, ...more };
}
function copy(id: string, more: Partial<RunningCopy> = {}): RunningCopy {
  return { id, key: id, vm: 'vm', windowOpen: true, awayForMs: null, stopping: false, ...more };
}
const shown = ({ start, putBack, waits }: QueuePlan) => ({
  start,
  putBack,
  waits: Object.fromEntries(waits),
});

describe('the queue', () => {
  it('starts by priority, then by age', () => {
    const jobs = [job('old'), job('older', { order: 0 }), job('urgent', { priority: 5 })];
    assert.deepEqual(shown(planQueue(jobs, [], SITUATION)), {
      start: ['urgent', 'older'],
      putBack: [],
      waits: { old: 'turn' },
    });
  });

  it('keeps to the limit of a machine without holding up others', () => {
    const jobs = [job('a'), job('b', { vm: 'other' })];
    assert.deepEqual(shown(planQueue(jobs, [copy('x'), copy('y')], SITUATION)), {
      start: ['b'],
      putBack: [],
      waits: { a: 'turn' },
    });
  });

  it('tells why a job waits; one that waits for a time or its machine lets lower ones go first', () => {
    const jobs = [
      job('later', { priority: 9, notBeforeMs: 1_001 }),
      job('at night', { priority: 8, windowOpen: false }),
      job('away', { priority: 7, vm: 'off' }),
      job('twin', { priority: 6, key: 'x' }),
      job('now', { priority: -10, notBeforeMs: 1_000 }),
    ];
    const situation = { ...SITUATION, reachable: (vm: string) => vm !== 'off' };
    assert.deepEqual(shown(planQueue(jobs, [copy('x')], situation)), {
      start: ['now'],
      putBack: [],
      waits: { later: 'retry', 'at night': 'window', away: 'machine', twin: 'same-copy' },
    });
  });

  it('tries again at once where the clock was set back since the wait for the retry began', () => {
    const jobs = [job('waits', { notBeforeMs: 1_500 }), job('set back', { notBeforeMs: 1_501 })];
    assert.deepEqual(shown(planQueue(jobs, [], SITUATION)), {
      start: ['set back'],
      putBack: [],
      waits: { waits: 'retry' },
    });
  });

  it('puts back what runs outside of its window, once', () => {
    const closed = { windowOpen: false };
    const running = [copy('a', closed), copy('b', { ...closed, stopping: true }), copy('c')];
    assert.deepEqual(planQueue([], running, SITUATION).putBack, ['a']);
  });

  it('takes the place of a copy whose machine is away only for a job that lacks it', () => {
    const away = [
      copy('a', { vm: '1', awayForMs: 100 }),
      copy('b', { vm: '2', awayForMs: 5_000 }),
      copy('c', { vm: '3', awayForMs: 99 }),
    ];
    assert.deepEqual(planQueue([], away, SITUATION).putBack, []);
    assert.deepEqual(planQueue([job('x', { notBeforeMs: 1_400 })], away, SITUATION).putBack, []);
    assert.deepEqual(planQueue([job('x')], away, SITUATION).putBack, ['b']);
    assert.deepEqual(planQueue([job('x'), job('y', { vm: '4' }), job('z')], away, SITUATION).putBack, [
      'b',
      'a',
    ]);
    const oneGoes = [...away.slice(0, 2), copy('c', { vm: '3', stopping: true })];
    assert.deepEqual(planQueue([job('x')], oneGoes, SITUATION).putBack, [], 'a place becomes free anyway');
  });
});

interface Case {
  readonly waiting: WaitingJob[];
  readonly running: RunningCopy[];
  readonly situation: QueueSituation;
}

const VMS = ['a', 'b', 'c', 'd'];

function randomCase(random: Seeded): Case {
  const perVmMax = 1 + random.below(3);
  const totalMax = 1 + random.below(6);
  const up = VMS.filter(() => random.below(4) > 0);
  const vm = () => VMS[random.below(VMS.length)]!;
  const running: RunningCopy[] = [];
  while (running.length < totalMax && random.below(5) > 0) {
    const at = vm();
    if (running.filter((other) => other.vm === at).length >= perVmMax) continue;
    const away = random.below(3) === 0;
    running.push({
      id: `r${running.length}`,
      key: `k${running.length}`,
      vm: at,
      windowOpen: random.below(6) > 0,
      awayForMs: away ? random.below(200) : null,
      stopping: random.below(6) === 0,
    });
  }
  const waiting = Array.from({ length: random.below(12) }, (_, n) => ({
    id: `w${n}`,
    key: `k${random.below(14)}`,
    vm: vm(),
    priority: random.below(5) - 2,
    order: n,
    notBeforeMs: random.below(4) === 0 ? 900 + random.below(200) : null,
    windowOpen: random.below(5) > 0,
  }));
  const situation = {
    nowMs: 1_000,
    reachable: (name: string) => up.includes(name),
    perVmMax,
    totalMax,
    yieldAfterMs: 100,
    retryMaxMs: 500,
  };
  return { waiting, running, situation };
}

const outranks = (a: WaitingJob, b: WaitingJob) =>
  a.priority > b.priority || (a.priority === b.priority && a.order < b.order);

/** What every plan must keep to; said without the way in which the plan is made. */
function check({ waiting, running, situation }: Case, plan: QueuePlan): void {
  const { nowMs, reachable, perVmMax, totalMax, yieldAfterMs } = situation;
  const started = plan.start.map((id) => waiting.find((entry) => entry.id === id)!);
  const can = (entry: WaitingJob) =>
    (entry.notBeforeMs ?? 0) <= nowMs && entry.windowOpen && reachable(entry.vm);
  const held = [...running, ...started];
  assert.deepEqual([...plan.start, ...plan.waits.keys()].sort(), waiting.map(({ id }) => id).sort());
  assert.ok(held.length <= Math.max(totalMax, running.length), 'within the limit on all');
  for (const vm of VMS)
    assert.ok(held.filter((other) => other.vm === vm).length <= perVmMax, 'within that of a machine');
  assert.equal(new Set(held.map(({ key }) => key)).size, held.length, 'no copy twice');
  assert.ok(started.every(can), 'nothing starts that cannot');
  for (const entry of waiting.filter((other) => plan.waits.has(other.id))) {
    if (!can(entry)) continue;
    // With only those before it in place, there was no room for it: no place is left empty and nobody is overtaken.
    const before = [...running, ...started.filter((other) => outranks(other, entry))];
    const fits =
      before.length < totalMax &&
      before.filter((other) => other.vm === entry.vm).length < perVmMax &&
      before.every((other) => other.key !== entry.key);
    assert.ok(!fits, `${entry.id} could run and waits: ${plan.waits.get(entry.id)}`);
  }
  const putBack = plan.putBack.map((id) => running.find((other) => other.id === id)!);
  for (const entry of running.filter((other) => !other.windowOpen && !other.stopping))
    assert.ok(putBack.includes(entry), 'a closed window ends a copy');
  const yielded = putBack.filter((entry) => entry.windowOpen);
  assert.ok(yielded.every(({ awayForMs, stopping }) => (awayForMs ?? -1) >= yieldAfterMs && !stopping));
  if (yielded.length > 0) {
    const short = waiting.filter((entry) => can(entry) && plan.waits.get(entry.id) === 'turn');
    assert.ok(held.length >= totalMax && short.length >= yielded.length, 'nobody yields for nobody');
  }
}

it('keeps to its rules in any situation', () => {
  const seed = testSeed();
  for (let run = 0; run < 5_000; run += 1) {
    const random = new Seeded(seed + run);
    const one = randomCase(random);
    const plan = planQueue(one.waiting, one.running, one.situation);
    try {
      check(one, plan);
      const shuffled = planQueue([...one.waiting].reverse(), [...one.running].reverse(), one.situation);
      assert.deepEqual(shuffled.start, plan.start, 'the order of the arguments does not matter');
      assert.deepEqual([...shuffled.putBack].sort(), [...plan.putBack].sort());
    } catch (failure) {
      throw new Error(`SEED=${seed + run}: ${JSON.stringify(one)} gave ${JSON.stringify(shown(plan))}`, {
        cause: failure,
      });
    }
  }
});
