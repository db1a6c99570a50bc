import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { progressText } from '../../src/cli/job_text.ts';
import type { JobView } from '../../src/contract/schemas.ts';
import type { GateOrders } from '../fixtures/disk_gate.ts';
import { GatedRig } from '../fixtures/gated_rig.ts';
import { SteadyProxy } from '../fixtures/steady_proxy.ts';
import { Rig, until } from './rig.ts';
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
  concurrency: 9,
}, async (t) => {
  // A stall takes 10 s to be one: all cases wait for theirs at the same time.
  await Promise.all([
    ...FREEZES.map((freeze) => t.test(`frozen: ${freeze.name}`, (part) => frozen(part, freeze))),
    t.test('frozen: the source, before anything was read', frozenWalk),
    t.test('frozen: the destination, while what is there is looked at', frozenCheck),
    t.test('slow: the source gives 1 KiB every 3 s', (part) => slowDisk(part, 'out', { read: 3_000 })),
    t.test('slow: the destination takes 1 KiB every 3 s', (part) => slowDisk(part, 'in', { write: 3_000 })),
    t.test('slow: the link takes 16 KiB/s', slowLink),
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

async function frozenWalk(t: TestContext): Promise<void> {
  await using gated = await GatedRig.start();
  const { rig } = gated;
  writeFileSync(join(rig.guestFiles, 'file'), 'content');
  gated.order({ list: 'frozen' });
  const job = await rig.startJob('out', rig.guestFiles, join(rig.hostFiles, 'target'));
  await toldAndThawed(t, gated, job, { phase: 'planning', stage: 'sourceRead' });
}

async function frozenCheck(t: TestContext): Promise<void> {
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const source = join(rig.hostFiles, 'source');
  const target = join(rig.guestFiles, 'target');
  writeFileSync(source, 'content');
  const first = await rig.startJob('in', source, target);
  assert.equal((await rig.waitJob(first.id)).state, 'done');
  gated.order({ fileFlush: 'frozen' });
  const job = await rig.startJob('in', source, target);
  await toldAndThawed(t, gated, job, { phase: 'checking', stage: 'destinationFlush' });
}

async function toldAndThawed(
  t: TestContext,
  gated: GatedRig,
  job: JobView,
  expected: { readonly phase: string; readonly stage: string },
): Promise<void> {
  const { rig } = gated;
  const stalled = await until('a stall is told', 60_000, async () => {
    const view = await rig.job(job.id);
    assert.equal(view.endedAtMs, null, `the copy was over before it could be frozen: ${view.state}`);
    return view.stall === null ? null : view;
  });
  t.diagnostic(`${stalled.phase}: ${stalled.stall!.cause}; ${stalled.stall!.fix}`);
  assert.deepEqual(
    [stalled.phase, stalled.stall!.stage, stalled.stall!.side],
    [expected.phase, expected.stage, 'guest'],
  );
  gated.order({});
  assert.equal((await rig.waitJob(job.id)).state, 'done');
}

/** 8 KiB in pieces of 1 KiB: 24 s, more than twice the silence that a stall is. */
async function slowDisk(t: TestContext, direction: 'in' | 'out', orders: GateOrders): Promise<void> {
  await using gated = await GatedRig.start();
  const { source, target, job } = await begin(gated, direction, { ...orders, pieceBytes: 1024 }, 8 * 1024);
  await neverStalled(t, gated.rig, job, 20_000);
  gated.order({});
  assert.equal((await gated.rig.waitJob(job.id)).state, 'done');
  assert.equal(sha256(target), sha256(source));
}

/** A chunk of 1 MiB takes a minute at this rate: the link is watched for a part of that, then let go. */
async function slowLink(t: TestContext): Promise<void> {
  let proxy!: SteadyProxy;
  await using rig = await Rig.start({
    between: async (port) => {
      proxy = await SteadyProxy.start(port, 16 * 1024);
      return proxy.port;
    },
  });
  await using line = proxy;
  await rig.waitUp();
  const source = join(rig.hostFiles, 'source');
  const target = join(rig.guestFiles, 'target');
  randomFile(source, MIB);
  const job = await rig.startJob('in', source, target);
  await neverStalled(t, rig, job, 40_000);
  line.rateBytesPerSecond = null;
  assert.equal((await rig.waitJob(job.id)).state, 'done');
  assert.equal(sha256(target), sha256(source));
}

/** Follows a copy for some time: it runs, and no view of it tells of a stall. */
async function neverStalled(t: TestContext, rig: Rig, job: JobView, watchMs: number): Promise<void> {
  const over = new AbortController();
  let views = 0;
  let last = job;
  for await (const view of rig.client.watch(job.id, over.signal)) {
    assert.equal(view.stall, null, JSON.stringify(view.stall));
    views += 1;
    last = view;
    if (view.endedAtMs !== null || view.elapsedMs >= watchMs) break;
  }
  over.abort();
  t.diagnostic(
    `${views} views in ${(last.elapsedMs / 1000).toFixed(0)} s, none stalled; ${progressText(last)}`,
  );
  assert.ok(last.elapsedMs >= 15_000, 'it was slow for well over the time of a stall');
  assert.equal(last.durableBytes, 0, 'the first chunk took all of that time');
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
