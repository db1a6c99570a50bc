import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SideReading } from '../copy_progress.ts';
import { SideWindow } from './side_window.ts';

function reading(atMs: number, busyMs: number, more: Partial<SideReading> = {}): SideReading {
  const stage = {
    stage: 'sourceRead',
    bytes: busyMs * 10,
    busyMs,
    activeMs: 0,
    starvedMs: 0,
    blockedMs: 0,
  } as const;
  return { atMs, heardMs: atMs, stages: [stage], evidence: { cpuMs: busyMs * 2 }, ...more };
}

test('shares are of the last seconds, on the clock of the side', () => {
  const window = new SideWindow();
  for (let atMs = 0; atMs <= 20_000; atMs += 200) window.add(reading(atMs, Math.max(0, atMs - 10_000)));
  const { lengthMs, stages, rise } = window.now();
  assert.equal(lengthMs, 5_000);
  assert.equal(stages.sourceRead?.busy, 1);
  assert.equal(stages.sourceRead?.bytesPerSecond, 10_000);
  assert.equal(rise.cpuMs, 2);
  assert.equal(window.whole().stages.sourceRead?.busy, 0.5);
});

test('a side that tells seldom has a longer window, never an empty one', () => {
  const window = new SideWindow();
  for (const atMs of [0, 9_000, 18_000]) window.add(reading(atMs, atMs / 2));
  assert.equal(window.now().lengthMs, 9_000);
  assert.equal(window.now().stages.sourceRead?.busy, 0.5);
});

test('another part of the copy begins without what was before; the whole is kept', () => {
  const window = new SideWindow();
  for (const atMs of [0, 1_000, 2_000]) window.add(reading(atMs, atMs));
  window.restart();
  assert.equal(window.now().lengthMs, 0);
  for (const atMs of [3_000, 4_000]) window.add(reading(atMs, 2_000));
  assert.equal(window.now().stages.sourceRead?.busy, 0);
  assert.equal(window.whole().stages.sourceRead?.busy, 0.5);
});

test('sums that fall are those of another attempt', () => {
  const window = new SideWindow();
  for (const atMs of [0, 1_000, 2_000]) window.add(reading(atMs, atMs + 5_000));
  window.add(reading(3_000, 10));
  window.add(reading(4_000, 510));
  assert.equal(window.whole().lengthMs, 1_000);
  assert.equal(window.now().stages.sourceRead?.busy, 0.5);
});
