import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import type { GateOrders } from '../fixtures/disk_gate.ts';
import { GatedRig } from '../fixtures/gated_rig.ts';
import { until } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const MIB = 1024 * 1024;
const SIZE = 32 * MIB;

interface Freeze {
  readonly name: string;
  readonly direction: 'in' | 'out';
  /** Slows the copy until the freeze hits, so that it does hit. */
  readonly slow: GateOrders;
  readonly freeze: (gated: GatedRig) => void;
  readonly stage: string;
  readonly side: string;
  readonly cause: RegExp;
}

const FREEZES: readonly Freeze[] = [
  {
    name: 'the source',
    direction: 'out',
    slow: { read: 60 },
    freeze: (gated) => gated.order({ read: 'frozen' }),
    stage: 'sourceRead',
    side: 'guest',
    cause: /source read on the guest: a read of the source does not return since/,
  },
  {
    name: 'the link',
    direction: 'in',
    slow: { write: 60 },
    freeze: (gated) => {
      gated.proxy.stalled = true;
    },
    stage: 'link',
    side: 'host',
    cause: /the link is down: .+/,
  },
  {
    name: 'the destination write',
    direction: 'in',
    slow: { write: 60 },
    freeze: (gated) => gated.order({ write: 'frozen' }),
    stage: 'destinationWrite',
    side: 'guest',
    cause: /destination write on the guest: a write at the destination does not return since/,
  },
  {
    name: 'the destination flush',
    direction: 'in',
    slow: { write: 60 },
    freeze: (gated) => gated.order({ flush: 'frozen' }),
    stage: 'destinationFlush',
    side: 'guest',
    cause: /destination flush on the guest: a flush of the destination does not return since/,
  },
];

test('a stall is named by its stage, side and cause, a slow stage is not one', {
  timeout: 240_000,
}, async (t) => {
  // A stall takes 10 s to be one: all cases wait for theirs at the same time.
  await Promise.all([
    ...FREEZES.map((freeze) => t.test(`frozen: ${freeze.name}`, (part) => frozen(part, freeze))),
    t.test('slow: the source gives 1 KiB every 3 s', (part) => slowDisk(part, 'out', { read: 3_000 })),
    t.test('slow: the destination takes 1 KiB every 3 s', (part) => slowDisk(part, 'in', { write: 3_000 })),
    t.test('slow: the link takes 8 KiB/s', slowLink),
  ]);
});

async function frozen(t: TestContext, freeze: Freeze): Promise<void> {
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const { source, target, job } = await begin(gated, freeze.direction, freeze.slow, SIZE);
  await until('bytes are durable', 60_000, async () =>
    (await rig.job(job.id)).durableBytes > 0 ? true : null,
  );
  freeze.freeze(gated);
  const stalled = await until('a stall is told', 60_000, async () => {
    const view = await rig.job(job.id);
    assert.equal(view.endedAtMs, null, 'the copy was over before it could be frozen');
    return view.stall === null ? null : view;
  });
  const { stage, side, cause, fix, forMs } = stalled.stall!;
  t.diagnostic(`${stage} (${side}) for ${forMs.toFixed(0)} ms: ${cause}; ${fix}`);
  assert.deepEqual([stage, side], [freeze.stage, freeze.side]);
  assert.match(cause, freeze.cause);
  assert.ok(forMs >= 10_000);
  assert.ok(fix.length > 0);
  gated.order({});
  gated.proxy.stalled = false;
  const end = await rig.waitJob(job.id);
  t.diagnostic(`thawed: ${end.state}, attempts ${end.attempts}`);
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(end.stall, null);
  assert.equal(end.attempts, 1, 'it goes on where it stood');
  assert.equal(sha256(target), sha256(source));
}

/** 16 KiB in pieces of 1 KiB: about 48 s, several times the silence that a stall is. */
async function slowDisk(t: TestContext, direction: 'in' | 'out', orders: GateOrders): Promise<void> {
  await using gated = await GatedRig.start();
  const { source, target, job } = await begin(gated, direction, { ...orders, pieceBytes: 1024 }, 8 * 1024);
  await neverStalled(t, gated, job, 20_000);
  gated.order({});
  assert.equal((await gated.rig.waitJob(job.id)).state, 'done');
  assert.equal(sha256(target), sha256(source));
}

/** A chunk of 1 MiB takes two minutes: the link is watched for a part of that, then let go. */
async function slowLink(t: TestContext): Promise<void> {
  await using gated = await GatedRig.start();
  gated.proxy.rateBytesPerSecond = 8 * 1024;
  const { source, target, job } = await begin(gated, 'in', {}, MIB);
  await until('bytes flow', 60_000, async () =>
    (await gated.rig.job(job.id)).stages.some(({ stage, bytes }) => stage === 'receive' && bytes > 0)
      ? true
      : null,
  );
  await neverStalled(t, gated, job, 25_000);
  gated.proxy.rateBytesPerSecond = null;
  assert.equal((await gated.rig.waitJob(job.id)).state, 'done');
  assert.equal(sha256(target), sha256(source));
}

/** Follows a copy for some time: it runs, and no view of it tells of a stall. */
async function neverStalled(t: TestContext, gated: GatedRig, job: JobView, watchMs: number): Promise<void> {
  const over = new AbortController();
  let views = 0;
  let elapsedMs = 0;
  for await (const view of gated.rig.client.watch(job.id, over.signal)) {
    assert.equal(view.stall, null, JSON.stringify(view.stall));
    views += 1;
    elapsedMs = view.elapsedMs;
    if (view.endedAtMs !== null || elapsedMs >= watchMs) break;
  }
  over.abort();
  t.diagnostic(`${views} views in ${(elapsedMs / 1000).toFixed(0)} s, none stalled`);
  assert.ok(elapsedMs >= 15_000, 'it was slow for well over the time of a stall');
}

async function begin(
  gated: GatedRig,
  direction: 'in' | 'out',
  orders: GateOrders,
  sizeBytes: number,
): Promise<{ source: string; target: string; job: JobView }> {
  const { rig } = gated;
  const [from, to] = direction === 'in' ? [rig.hostFiles, rig.guestFiles] : [rig.guestFiles, rig.hostFiles];
  const source = join(from, 'source');
  const target = join(to, 'target');
  if (sizeBytes < MIB) writeFileSync(source, Buffer.alloc(sizeBytes, 'slow and steady '));
  else randomFile(source, sizeBytes);
  gated.order(orders);
  return { source, target, job: await rig.startJob(direction, source, target) };
}
