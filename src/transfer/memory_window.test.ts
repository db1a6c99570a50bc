import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { SideReading } from './copy_progress.ts';
import { MemoryWindow } from './memory_window.ts';

const WIDE = LIMITS.sendWindowMaxBytes.value;
const TIGHT = LIMITS.sendWindowTightBytes.value;

/** A side whose processes wait for memory for a share of the time. */
function side() {
  let waitedMs = 0;
  return (atMs: number, share: number): SideReading => {
    waitedMs += share * 1_000;
    return { atMs, heardMs: atMs, stages: [], evidence: { memoryWaitMs: waitedMs } };
  };
}

/** What may be on its way each second, for shares of the two sides. */
function windows(local: readonly number[], remote: readonly number[]): number[] {
  const window = new MemoryWindow();
  const sides = [side(), side()] as const;
  return local.map((share, at) =>
    window.bytes(sides[0](at * 1_000, share), sides[1](at * 1_000, remote[at]!)),
  );
}

const calm = (seconds: number): number[] => Array(seconds).fill(0.01);
const short = (seconds: number): number[] => Array(seconds).fill(0.4);

test('less is on its way while either machine is short of memory, and as much as before afterwards', () => {
  const rises = [...calm(6), ...short(6), ...calm(12)];
  for (const seen of [windows(rises, calm(24)), windows(calm(24), rises)]) {
    assert.deepEqual(new Set(seen.slice(0, 6)), new Set([WIDE]));
    assert.equal(seen[8], TIGHT, 'within three seconds');
    assert.equal(seen.at(-1), WIDE);
    const changes = seen.filter((bytes, at) => at > 0 && bytes !== seen[at - 1]).length;
    assert.equal(changes, 2, 'it does not swing');
  }
});

test('a machine that tells nothing of its memory changes nothing', () => {
  const window = new MemoryWindow();
  const silent: SideReading = { atMs: 0, heardMs: 0, stages: [], evidence: null };
  for (let at = 0; at < 5; at += 1) assert.equal(window.bytes({ ...silent, atMs: at * 1_000 }, null), WIDE);
});
