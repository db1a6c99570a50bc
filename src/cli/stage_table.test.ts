import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobView } from '../contract/schemas.ts';
import { limitText, stageTable } from './stage_table.ts';

const job = {
  direction: 'in',
  elapsedMs: 10_000,
  stages: [
    {
      side: 'host',
      stage: 'sourceRead',
      bytes: 10 * 2 ** 20,
      busyMs: 2_500,
      starvedMs: 0,
      blockedMs: 5_000,
      rateBytesPerSecond: 4 * 2 ** 20,
    },
    { side: 'guest', stage: 'destinationFlush', bytes: 10 * 2 ** 20, busyMs: 10_000 },
  ],
} as unknown as JobView;

test('where the time went is drawn for a terminal, a cell for each 24th of it', () => {
  const [, read, flush, legend] = stageTable(job, true).split('\n');
  assert.match(read!, /│██████▒{12} {6}│/);
  assert.match(flush!, /│█{24}│/);
  assert.match(legend!, /█ busy .*░ waits.*▒ waits/);
});

test('elsewhere it is a plain table, and figures that an older version did not keep are left out', () => {
  const [head, read, flush] = stageTable(job, false).split('\n');
  assert.match(head!, /stage +busy +starved +blocked +bytes +while busy/);
  assert.match(read!, /source read \(host\) +2\.5s 25 % +0\.0s +5\.0s +10\.0 MiB +4\.00 MiB\/s/);
  assert.match(flush!, /destination flush \(guest\) +10\.0s 100 % +- +- +10\.0 MiB +-/);
});

test('what limits is told with its side and share', () => {
  assert.equal(
    limitText({ stage: 'destinationFlush', side: 'guest', share: 0.81 }),
    'destination flush on guest (81 % of the time)',
  );
});
