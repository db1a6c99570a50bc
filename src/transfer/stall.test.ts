import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { Stage } from '../wire/stages.ts';
import { diagnoseStall, type StallEvidence } from './stall.ts';

const NOW = 100_000;
const LONG_MS = LIMITS.stallAfterMs.value + 1_000;
const quiet: StallEvidence = {
  nowMs: NOW,
  lastMoveMs: NOW - LONG_MS,
  peerHeardMs: NOW - 200,
  linkUp: true,
  linkError: null,
  localSide: 'host',
  localStages: [],
  remoteStages: [],
};
const hanging = (stage: Stage) => [
  { stage, bytes: 1, busyMs: LONG_MS, activeMs: LONG_MS, starvedMs: 0, blockedMs: 0 },
];

test('something that moved within the limit is slow, never stalled', () => {
  const evidence = {
    ...quiet,
    lastMoveMs: NOW - LIMITS.stallAfterMs.value + 1,
    remoteStages: hanging('destinationFlush'),
  };
  assert.equal(diagnoseStall(evidence), null);
});

for (const stage of [
  'sourceRead',
  'destinationRead',
  'destinationWrite',
  'destinationFlush',
  'verify',
  'publish',
] as const) {
  test(`an operation of ${stage} that does not return is named, on its side`, () => {
    const here = diagnoseStall({ ...quiet, localStages: hanging(stage) });
    assert.deepEqual([here?.stage, here?.side], [stage, 'host']);
    const there = diagnoseStall({ ...quiet, remoteStages: hanging(stage) });
    assert.deepEqual([there?.stage, there?.side], [stage, 'guest']);
  });
}

test('a device that hangs wins over the link that waits for it', () => {
  const report = diagnoseStall({
    ...quiet,
    localStages: hanging('link'),
    remoteStages: hanging('destinationWrite'),
  });
  assert.equal(report?.stage, 'destinationWrite');
});

test('a peer that tells seldom because nothing gets through is believed, a little late too', () => {
  const lateMs = LIMITS.progressIntervalMs.value + LIMITS.progressSlowIntervalMs.value + 2_000;
  const report = diagnoseStall({
    ...quiet,
    peerHeardMs: NOW - lateMs,
    remoteStages: hanging('sourceRead'),
  });
  assert.deepEqual([report?.stage, report?.side], ['sourceRead', 'guest']);
});

test('what a silent peer said last proves nothing about its disk', () => {
  const report = diagnoseStall({
    ...quiet,
    peerHeardMs: NOW - LONG_MS,
    remoteStages: hanging('destinationWrite'),
  });
  assert.equal(report?.stage, 'link');
  assert.match(report?.cause ?? '', /said nothing/);
});

test('a link that is down is named with its error', () => {
  const report = diagnoseStall({ ...quiet, linkUp: false, linkError: 'nothing answers' });
  assert.equal(report?.stage, 'link');
  assert.match(report?.cause ?? '', /nothing answers/);
});
