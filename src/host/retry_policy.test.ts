import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError, type ErrorCode } from '../base/errors.ts';
import type { JobEnd } from '../transfer/copy_job.ts';
import { frameOf, NO_FIGURES } from './job_frame.ts';
import type { StoredJob } from './job_store.ts';
import { retryWaitMs } from './retry.ts';
import { retryReason } from './retry_policy.ts';

function job(retries: number | undefined, retriesUsed: number): StoredJob {
  const stored = {
    id: 'a',
    request: { direction: 'in' as const, vm: 'vm', sources: ['/s'], destination: '/d', retries },
    createdAtMs: 1,
    state: 'running' as const,
    wish: null,
    started: true,
    retriesUsed,
    notBeforeMs: null,
  };
  return { ...stored, view: { ...NO_FIGURES, ...frameOf(stored) } };
}

const failed = (code: ErrorCode): JobEnd => ({ kind: 'failed', error: new CausewayError(code, 'it failed') });
const partly = (...codes: ErrorCode[]): JobEnd => ({
  kind: 'done',
  outcome: { problems: codes.map((code) => ({ path: '/p', code, message: 'left out' })) } as never,
});

const TABLE: readonly (readonly [JobEnd, ErrorCode | null])[] = [
  [failed('CW_DISK_FULL'), 'CW_DISK_FULL'],
  [failed('CW_COPY_SOURCE_CHANGED'), 'CW_COPY_SOURCE_CHANGED'],
  [failed('CW_COPY_NO_SPACE'), 'CW_COPY_NO_SPACE'],
  [failed('CW_COPY_SOURCE_MISSING'), null],
  [failed('CW_DISK_PERMISSION'), null],
  [failed('CW_INTERNAL'), null],
  [failed('CW_DAEMON_STATE'), null],
  [partly(), null],
  [partly('CW_DISK_PERMISSION', 'CW_COPY_NAME_ILLEGAL'), null],
  [partly('CW_DISK_PERMISSION', 'CW_DISK_IO'), 'CW_DISK_IO'],
  [{ kind: 'interrupted' }, null],
  [{ kind: 'cancelled', leftover: null }, null],
];

for (const [end, expected] of TABLE) {
  test(`${JSON.stringify(end)} is ${expected === null ? 'final' : 'tried again'}`, () => {
    assert.equal(retryReason(job(1, 0), end)?.code ?? null, expected);
    assert.equal(retryReason(job(1, 1), end), null, 'no retry is left');
    assert.equal(retryReason(job(undefined, 0), end), null, 'none was asked for');
  });
}

test('waits double from the least to the most', () => {
  const waits = [1, 2, 3, 4, 5, 1_000].map((failures) => retryWaitMs(failures, { minMs: 5, maxMs: 50 }));
  assert.deepEqual(waits, [5, 10, 20, 40, 50, 50]);
});
