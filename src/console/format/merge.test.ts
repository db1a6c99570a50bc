import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobView, StatusView, VmView } from '../../contract/schemas.ts';
import { foldRecords } from './audit_filter.ts';
import { withJob, withMachine, withoutMachine } from './merge.ts';

const job = (id: string, percent: number, endedAtMs: number | null = null) =>
  ({ id, percent, endedAtMs }) as unknown as JobView;
const vm = (name: string, state: VmView['state'] = 'up') => ({ name, state }) as unknown as VmView;
const STATUS = { activeJobs: [job('a', 1), job('b', 1)], vms: [vm('x'), vm('y')] } as unknown as StatusView;

describe('what events change', () => {
  it('is a job in its place, a new one in front, and none that has ended', () => {
    assert.deepEqual(withJob(STATUS, job('b', 2)).activeJobs, [job('a', 1), job('b', 2)]);
    assert.deepEqual(withJob(STATUS, job('c', 0)).activeJobs, [job('c', 0), job('a', 1), job('b', 1)]);
    assert.deepEqual(withJob(STATUS, job('a', 100, 5)).activeJobs, [job('b', 1)]);
    assert.deepEqual(withJob(STATUS, job('c', 100, 5)).activeJobs, STATUS.activeJobs);
  });

  it('is a machine in its place, a new one behind, one less', () => {
    assert.deepEqual(withMachine(STATUS, vm('x', 'failed')).vms, [vm('x', 'failed'), vm('y')]);
    assert.deepEqual(withMachine(STATUS, vm('z')).vms, [vm('x'), vm('y'), vm('z')]);
    assert.deepEqual(withoutMachine(STATUS, 'x').vms, [vm('y')]);
  });
});

describe('audit records', () => {
  const record = (sequence: number, outcome: string, details: object = {}) =>
    ({ sequence, outcome, details }) as unknown as Parameters<typeof foldRecords>[0][number];

  it('are one for what was begun and ended, with all that both tell', () => {
    const folded = foldRecords([
      record(5, 'started', { what: 'open' }),
      record(4, 'done', { started: 2, job: 'x' }),
      record(3, 'refused', { code: 'CW_X' }),
      record(2, 'started', { paths: 1 }),
      record(1, 'done', { started: 0 }),
    ]);
    assert.deepEqual(folded, [
      record(5, 'started', { what: 'open' }),
      record(4, 'done', { paths: 1, job: 'x' }),
      record(3, 'refused', { code: 'CW_X' }),
      record(1, 'done', {}),
    ]);
  });
});
