import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { FaultProxy } from './fault_proxy.ts';
import { Rig, until } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const GIB = 1024 ** 3;
const CUTS = 50;

test(`${CUTS} cuts of one 1 GiB copy: it goes on by itself and at most 1 % is sent again`, {
  timeout: 300_000,
}, async (t) => {
  let proxy!: FaultProxy;
  await using rig = await Rig.start({
    between: async (port) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    },
  });
  await using closing = proxy;
  const source = join(rig.hostFiles, 'large');
  randomFile(source, GIB);
  const target = join(rig.guestFiles, 'large');
  await rig.waitUp();
  const sentBefore = closing.sentBytes;
  const job = await rig.startJob('in', source, target);
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const at = (GIB / (CUTS + 1)) * cut;
    await until(`${at} bytes have passed`, 120_000, () =>
      closing.sentBytes - sentBefore >= at ? true : null,
    );
    closing.cut();
  }
  const end = await rig.waitJob(job.id);
  const sent = closing.sentBytes - sentBefore;
  t.diagnostic(
    `bytes on the wire ${sent}, ${((sent / GIB - 1) * 100).toFixed(3)} % over the size; attempts ${end.attempts}`,
  );
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(sha256(target), sha256(source));
  assert.ok(sent <= GIB * 1.01, `${sent} bytes were sent for ${GIB}`);
  assert.equal(end.attempts, 1, 'a cut link is no new attempt: the session goes on');
});
