import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { GatedRig } from '../fixtures/gated_rig.ts';
import { until } from './rig.ts';
import { randomFile } from './trees.ts';

const MIB = 1024 * 1024;

const STAGES_OF_A_COPY = [
  ['host', 'sourceRead'],
  ['host', 'hash'],
  ['host', 'link'],
  ['guest', 'receive'],
  ['guest', 'destinationWrite'],
  ['guest', 'destinationFlush'],
  ['guest', 'verify'],
  ['guest', 'publish'],
] as const;

function stageOf(job: JobView, side: string, stage: string) {
  const found = job.stages.find((candidate) => candidate.side === side && candidate.stage === stage);
  assert.ok(found, `${stage} of the ${side} is told`);
  return found;
}

test('where the time went is told of every stage, and outlives the daemon', {
  timeout: 120_000,
}, async (t) => {
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const source = join(rig.hostFiles, 'source');
  randomFile(source, 48 * MIB);
  gated.order({ flush: 400 });
  const job = await rig.startJob('in', source, join(rig.guestFiles, 'target'));
  const live = await until('the copy is under way', 30_000, async () => {
    const view = await rig.job(job.id);
    return view.stages.some(({ stage }) => stage === 'destinationFlush') ? view : null;
  });
  assert.equal(live.endedAtMs, null);
  const end = await rig.waitJob(job.id);
  assert.equal(end.state, 'done');
  for (const [side, stage] of STAGES_OF_A_COPY) {
    const { busyMs, starvedMs, blockedMs, bytes } = stageOf(end, side, stage);
    assert.ok(bytes > 0, `${stage} moved ${bytes}`);
    assert.ok(busyMs + starvedMs! + blockedMs! <= end.elapsedMs * 1.05 + 50, `${stage} of ${side}`);
  }
  const flush = stageOf(end, 'guest', 'destinationFlush');
  assert.ok(flush.busyMs >= 400, 'the slowed flush was busy');
  assert.deepEqual([end.limitingStage?.stage, end.limitingStage?.side], ['destinationFlush', 'guest']);
  await rig.daemon.kill('SIGKILL');
  rig.startDaemon();
  await rig.daemon.ready;
  assert.deepEqual((await rig.job(job.id)).stages, end.stages);
  const shown = await rig.cli('jobs', 'show', job.id);
  t.diagnostic(`\n${shown.out}`);
  assert.match(shown.out, /limited by +destination flush on guest \(\d+ % of the time\)/);
  assert.match(shown.out, /where the time went\n +stage +busy +starved +blocked +bytes +while busy/);
});
