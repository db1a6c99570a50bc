import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Rig, until } from './rig.ts';
import { randomFile } from './trees.ts';

const MIB = 1024 * 1024;

test('while a copy saturates the link, status answers within 250 ms at the 99th percentile', {
  timeout: 120_000,
}, async (t) => {
  await using rig = await Rig.start();
  const source = join(rig.hostFiles, 'large');
  randomFile(source, 1500 * MIB);
  const job = await rig.startJob('in', source, rig.guestFiles);
  await until('bytes flow', 20_000, async () => ((await rig.job(job.id)).durableBytes > 0 ? true : null));
  const times: number[] = [];
  while ((await rig.job(job.id)).phase === 'copying' && times.length < 2_000) {
    const start = performance.now();
    await rig.client.call('status', {});
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  t.diagnostic(
    `${times.length} calls under load: median ${times[times.length >> 1]?.toFixed(1)} ms, 99th percentile ${p99.toFixed(1)} ms, most ${times.at(-1)?.toFixed(1)} ms`,
  );
  assert.ok(times.length >= 20, 'the copy was over too soon to measure anything');
  assert.ok(p99 <= 250);
  assert.equal((await rig.waitJob(job.id)).state, 'done');
});

test('cancel returns within 5 s although the peer is stopped, and what was left goes once it runs again', {
  timeout: 120_000,
}, async (t) => {
  await using rig = await Rig.start();
  const source = join(rig.hostFiles, 'large');
  randomFile(source, 800 * MIB);
  const job = await rig.startJob('in', source, rig.guestFiles);
  await until('bytes flow', 20_000, async () => ((await rig.job(job.id)).durableBytes > 0 ? true : null));
  rig.agent.child.kill('SIGSTOP');
  try {
    const start = performance.now();
    const { code, out } = await rig.cli('jobs', 'cancel', job.id);
    const tookMs = performance.now() - start;
    t.diagnostic(`cancel with a stopped peer: ${tookMs.toFixed(0)} ms`);
    assert.equal(code, 0);
    assert.match(out, /removed later/);
    assert.ok(tookMs <= 5_000);
  } finally {
    rig.agent.child.kill('SIGCONT');
  }
  await until('what was left is removed', 30_000, () =>
    existsSync(join(rig.guestFiles, '.causeway')) ? null : true,
  );
  assert.ok(!existsSync(join(rig.guestFiles, 'large')));
  await until('the job tells that it was removed', 10_000, async () =>
    /was removed$/.test((await rig.job(job.id)).note ?? '') ? true : null,
  );
});

test('an interrupted copy resumes where it was when the same command runs again', {
  timeout: 120_000,
}, async () => {
  await using rig = await Rig.start();
  const source = join(rig.hostFiles, 'large');
  randomFile(source, 600 * MIB);
  const job = await rig.startJob('in', source, rig.guestFiles);
  await until('some of it is durable', 20_000, async () =>
    (await rig.job(job.id)).durableBytes > 100 * MIB ? true : null,
  );
  const stopped = await rig.client.call('interruptJob', { id: job.id });
  assert.equal(stopped.state, 'interrupted');
  const again = await rig.startJob('in', source, rig.guestFiles);
  const end = await rig.waitJob(again.id);
  assert.equal(end.state, 'done');
  assert.ok(
    end.recoveredBytes >= stopped.durableBytes,
    `${end.recoveredBytes} of ${stopped.durableBytes} durable bytes were found again: ${JSON.stringify(end)}`,
  );
});
