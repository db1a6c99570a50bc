import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CutRig } from '../fixtures/cut_rig.ts';
import { until } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const GIB = 1024 ** 3;
const CUTS = 50;

test(`${CUTS} cuts of one 1 GiB copy: it goes on by itself and at most 1 % is sent again`, {
  timeout: 300_000,
}, async (t) => {
  await using started = await CutRig.start();
  const { rig, proxy } = started;
  const source = join(rig.hostFiles, 'large');
  randomFile(source, GIB);
  const target = join(rig.guestFiles, 'large');
  const sentBefore = proxy.sentBytes;
  const job = await rig.startJob('in', source, target);
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const at = (GIB / (CUTS + 1)) * cut;
    await until(`${at} bytes have passed`, 120_000, () => (proxy.sentBytes - sentBefore >= at ? true : null));
    proxy.cut();
  }
  const end = await rig.waitJob(job.id);
  const sent = proxy.sentBytes - sentBefore;
  t.diagnostic(
    `bytes on the wire ${sent}, ${((sent / GIB - 1) * 100).toFixed(3)} % over the size; attempts ${end.attempts}`,
  );
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(sha256(target), sha256(source));
  assert.ok(sent <= GIB * 1.01, `${sent} bytes were sent for ${GIB}`);
  assert.equal(end.attempts, 1, 'a cut link is no new attempt: the session goes on');
});
