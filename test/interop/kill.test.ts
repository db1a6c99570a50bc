import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { asCausewayError } from '../../src/base/errors.ts';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig, until } from './rig.ts';
import { randomFile, sha256, unfinishedIn } from './trees.ts';

const KILLS = Number(process.env['KILLS'] ?? 20);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MIB = 1024 * 1024;
/** So long claims may take to be looked at. */
const LOOK_MS = 20_000;
const SIZES = [0, 1, MIB - 1, MIB, MIB + 1, 300 * MIB];
/** Most kills go to the large file: the small ones are over before a kill can hit them. */
const LARGE = SIZES.at(-1)!;

/** xorshift32: the same seed gives the same choices. */
function chance(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

interface Totals {
  kills: number;
  hits: number;
  worstResentBytes: number;
  copies: number;
}

test(`${KILLS} SIGKILLs of daemon, agent or both: old or new in whole, every copy finishes, nothing is left over`, {
  timeout: 1_300_000,
}, async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = chance(SEED);
  await using rig = await Rig.start();
  const sources = SIZES.map((size) => {
    const path = join(rig.hostFiles, `source-${size}`);
    randomFile(path, size);
    return { path, size, hash: sha256(path) };
  });
  const totals: Totals = { kills: 0, hits: 0, worstResentBytes: 0, copies: 0 };
  while (totals.kills < KILLS) {
    const source = random() < 0.75 ? sources.at(-1)! : sources[Math.floor(random() * sources.length)]!;
    await copyUnderKills(rig, source, random, totals);
  }
  t.diagnostic(
    `${totals.kills} kills over ${totals.copies} copies, ${totals.hits} hit a transfer in progress; most bytes sent again for one kill: ${totals.worstResentBytes}`,
  );
  assert.ok(
    totals.hits >= totals.kills / 2,
    `only ${totals.hits} of ${totals.kills} kills hit a transfer in progress`,
  );
  assert.ok(totals.worstResentBytes <= 64 * MIB, `one kill cost ${totals.worstResentBytes} bytes sent again`);
});

/** One copy of one file, with kills at random moments until it has had enough of them. */
async function copyUnderKills(
  rig: Rig,
  source: { path: string; size: number; hash: string },
  random: () => number,
  totals: Totals,
): Promise<void> {
  const target = join(rig.guestFiles, 'target');
  const replaces = random() < 0.5;
  rmSync(target, { force: true });
  if (replaces) writeFileSync(target, 'old content');
  const killsWanted = source.size === LARGE ? 12 : 1;
  let job = await rig.startJob('in', source.path, target);
  totals.copies += 1;
  for (let kill = 0; kill < killsWanted && totals.kills < KILLS; kill += 1) {
    await wait(random() * (source.size === LARGE ? 260 : 40));
    const before = await current(rig, job.id);
    if (before === null || before.endedAtMs !== null) break;
    const victims = random();
    await Promise.all([victims < 0.66 ? rig.daemon.kill() : null, victims > 0.33 ? rig.agent.kill() : null]);
    totals.kills += 1;
    if (before.durableBytes < before.plannedBytes || before.plannedBytes === 0) totals.hits += 1;
    assertOldOrNew(target, source, replaces);
    const daemonLived = rig.daemon.alive;
    if (!rig.agent.alive) rig.startAgent();
    if (!daemonLived) rig.startDaemon();
    await Promise.all([rig.agent.ready, rig.daemon.ready]);
    const looksAtClaims = random() < 0.5; // else the next kill may come while they are looked at
    job = await noteResent(rig, before, { daemonLived, looksAtClaims }, totals);
  }
  const end = await rig.waitJob(job.id);
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(sha256(target), source.hash);
  assert.deepEqual(unfinishedIn(rig.guestFiles), [], 'temporary data are left over');
  assert.deepEqual(
    readdirSync(rig.guestFiles).filter((name) => name !== '.causeway'),
    ['target'],
  );
}

/**
 * What was received before the kill and is not there after it has to be sent again. A daemon that lived shows the attempt
 * before the kill until it has noticed: the next one counts. What is there is told once it was looked at.
 */
async function noteResent(
  rig: Rig,
  before: JobView,
  { daemonLived, looksAtClaims }: { readonly daemonLived: boolean; readonly looksAtClaims: boolean },
  totals: Totals,
): Promise<JobView> {
  const next = async () => {
    const view = await current(rig, before.id);
    if (view === null || view.endedAtMs !== null) return view;
    const isNext = !daemonLived || view.attempts > before.attempts;
    return isNext && (view.phase === 'copying' || view.phase === 'finishing') ? view : null;
  };
  let after = await until('the copy goes on after a kill', 60_000, next);
  const isFound = (view: JobView) => view.recoveredBytes >= before.durableBytes;
  const endMs = performance.now() + LOOK_MS;
  while (looksAtClaims && after.endedAtMs === null && !isFound(after) && performance.now() < endMs) {
    await wait(20);
    after = await until('the copy goes on', 60_000, next);
  }
  if (looksAtClaims && after.endedAtMs === null)
    totals.worstResentBytes = Math.max(totals.worstResentBytes, before.durableBytes - after.recoveredBytes);
  return after;
}

async function current(rig: Rig, id: string): Promise<JobView | null> {
  try {
    return await rig.job(id);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DAEMON_DOWN') return null;
    throw failure;
  }
}

function assertOldOrNew(target: string, source: { size: number; hash: string }, replaces: boolean): void {
  if (!existsSync(target)) return assert.ok(!replaces, 'the old content vanished');
  const { size } = statSync(target);
  if (replaces && size === 'old content'.length && size !== source.size) return;
  assert.equal(sha256(target), source.hash, 'the destination shows neither the old nor the new content');
}
