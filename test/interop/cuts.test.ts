import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { asCausewayError } from '../../src/base/errors.ts';
import type { JobView } from '../../src/contract/schemas.ts';
import { CutRig } from '../fixtures/cut_rig.ts';
import type { FaultProxy } from './fault_proxy.ts';
import { type Rig, until } from './rig.ts';
import { randomFile, sha256, unfinishedIn } from './trees.ts';

/*
 * One copy that is cut again and again, by turns the agent killed, the daemon killed and the link cut, each time after
 * as much more of it has arrived. CUTS: how many; SIZE_MIB: of the file. The long form: CUTS=50 SIZE_MIB=4096.
 */

const CUTS = Number(process.env['CUTS'] ?? 3);
const MIB = 1024 * 1024;
const SIZE = Number(process.env['SIZE_MIB'] ?? 256) * MIB;
/** What the whole copy may send, of its size. */
const SENT_SHARE_MAX = 1.05;
/** The last cut is due when this share has arrived: what is on the way then still leaves something to cut. */
const LAST_CUT_SHARE = Math.min(0.9, CUTS / (CUTS + 1));
const STEP_MS = 120_000;

const HOWS = ['agent killed', 'daemon killed', 'link cut'] as const;

test(`${CUTS} cuts of one copy of ${SIZE / MIB} MiB: at most a twentieth is sent again, and it arrives whole`, {
  timeout: 3_600_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-cuts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  randomFile(source, SIZE);
  await using started = await CutRig.start();
  const { rig, proxy } = started;
  const target = join(rig.guestFiles, 'target');
  const { id } = await rig.startJob('in', source, target);
  let hits = 0;
  for (let cut = 0; cut < CUTS; cut += 1) {
    const dueBytes = (SIZE * LAST_CUT_SHARE * (cut + 1)) / CUTS;
    const ended = await until(`${dueBytes} bytes have arrived`, STEP_MS, async () => {
      const view = await current(rig, id);
      if (view === null || (view.endedAtMs === null && view.durableBytes < dueBytes)) return null;
      return view.endedAtMs !== null;
    });
    if (ended) break;
    await strike(rig, proxy, HOWS[cut % HOWS.length]!);
    hits += 1;
  }
  const end = await rig.waitJob(id, 10 * STEP_MS);
  const share = proxy.sentBytes / SIZE;
  t.diagnostic(`${hits} cuts hit; sent ${proxy.sentBytes} bytes, ${share.toFixed(4)} of the size`);
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(sha256(target), sha256(source));
  assert.equal(hits, CUTS);
  assert.ok(share <= SENT_SHARE_MAX, `${share}`);
  assert.deepEqual(unfinishedIn(rig.guestFiles), []);
  assert.deepEqual(
    readdirSync(rig.guestFiles).filter((name) => name !== '.causeway'),
    ['target'],
  );
});

async function strike(rig: Rig, proxy: FaultProxy, how: (typeof HOWS)[number]): Promise<void> {
  if (how === 'link cut') return proxy.cut();
  if (how === 'agent killed') {
    await rig.agent.kill();
    rig.startAgent();
    await rig.agent.ready;
    return;
  }
  await rig.daemon.kill();
  rig.startDaemon();
  await rig.daemon.ready;
}

async function current(rig: Rig, id: string): Promise<JobView | null> {
  try {
    return await rig.job(id);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DAEMON_DOWN') return null;
    throw failure;
  }
}
