import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { randomFile, sha256 } from '../interop/trees.ts';
import { CopyLab, guestSha256 } from './rig.ts';
import { labMissing } from './vm.ts';

/*
 * LAB_MEMORY=1: 4 GiB go into a guest with 1 GiB of memory and swap. SIZE_MIB: another size. What a shell in the guest takes to
 * answer is printed beside what it takes while nothing is copied.
 */

const MIB = 1024 * 1024;
const SIZE = Number(process.env['SIZE_MIB'] ?? 4096) * MIB;
const SWAP_MIB = 512;
const SWAP_GROWTH_MAX = 16 * MIB;
const IDLE_ASKED = 60;
const EVERY_MS = 250;
const COPY_LIMIT_MS = 1_800_000;

/** What the guest's kernel has counted. */
interface Counted {
  readonly oomKills: number;
  readonly swapUsedBytes: number;
  readonly availableBytes: number;
}

async function counted(lab: CopyLab): Promise<Counted> {
  const text = await lab.guest('cat /proc/vmstat /proc/meminfo');
  const field = (name: string) =>
    Number(new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    oomKills: field('oom_kill'),
    swapUsedBytes: (field('SwapTotal') - field('SwapFree')) * 1024,
    availableBytes: field('MemAvailable') * 1024,
  };
}

/** How long a new shell in the guest takes to answer, in milliseconds. */
async function askedMs(lab: CopyLab): Promise<number> {
  const startMs = performance.now();
  assert.equal(await lab.guest('sh -c "echo here"'), 'here\n');
  return performance.now() - startMs;
}

function told(timesMs: readonly number[]): string {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(0);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms of ${sorted.length}`;
}

async function copiedIn(t: TestContext, lab: CopyLab): Promise<void> {
  const source = join(lab.hostFiles, 'file');
  randomFile(source, SIZE);
  const wanted = sha256(source);
  await lab.guest(
    `fallocate -l ${SWAP_MIB}M /data/swap && chmod 600 /data/swap && mkswap -q /data/swap && swapon /data/swap`,
  );
  const idle: number[] = [];
  for (let asked = 0; asked < IDLE_ASKED; asked += 1) idle.push(await askedMs(lab));
  const before = await counted(lab);
  const { id } = await lab.startJob('in', source, `${lab.guestFiles}/file`);
  const busy: number[] = [];
  let swapMax = before.swapUsedBytes;
  let availableMin = before.availableBytes;
  const ended = lab.waitJob(id, 'has ended', (job) => job.endedAtMs !== null, COPY_LIMIT_MS);
  let isEnded = false;
  void ended.finally(() => {
    isEnded = true;
  });
  while (!isEnded) {
    busy.push(await askedMs(lab));
    const now = await counted(lab);
    swapMax = Math.max(swapMax, now.swapUsedBytes);
    availableMin = Math.min(availableMin, now.availableBytes);
    await wait(EVERY_MS);
  }
  const job = await ended;
  const after = await counted(lab);
  const { agentBytes, daemonBytes } = await lab.peakMemory();
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  t.diagnostic(`${mib(SIZE)} in ${(job.elapsedMs / 1000).toFixed(0)} s, ${lab.vm.accelerator}`);
  t.diagnostic(`a shell answers, idle: ${told(idle)}`);
  t.diagnostic(`a shell answers, beside the copy: ${told(busy)}`);
  t.diagnostic(`swap in use: ${mib(before.swapUsedBytes)} before, ${mib(swapMax)} at most`);
  t.diagnostic(
    `memory available at least ${mib(availableMin)}; agent ${mib(agentBytes)}, daemon ${mib(daemonBytes)}`,
  );
  assert.equal(job.state, 'done', JSON.stringify(job.error));
  assert.equal(after.oomKills, before.oomKills);
  assert.ok(swapMax - before.swapUsedBytes <= SWAP_GROWTH_MAX, mib(swapMax));
  rmSync(source);
  assert.equal(await guestSha256(lab, `${lab.guestFiles}/file`), wanted);
}

if (process.env['LAB_MEMORY'] === '1')
  test(`${SIZE / MIB} MiB go into a guest of 1 GiB: nobody is killed, nothing is swapped out`, {
    skip: labMissing() ?? false,
    timeout: 2 * COPY_LIMIT_MS,
  }, async (t) => {
    await using lab = await CopyLab.start({ topology: 'serial' });
    await copiedIn(t, lab);
  });
