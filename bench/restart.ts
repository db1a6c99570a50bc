/** A copy whose processes are killed at 99 % and started again. */
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { JobView } from '../src/contract/schemas.ts';
import { Rig } from '../test/interop/rig.ts';
import { CASES, prepareSource, quickened } from './cases.ts';
import { Figures } from './figures.ts';
import { LOOPBACK } from './network.ts';
import type { Probe, ProbeContext } from './probes.ts';
import { sha256OfFile } from './verify.ts';
import { chooseDirectory, createWorkplace } from './workplace.ts';

const SHARE = 0.99;
/** Rounds in which the copy was over before it could be killed are done again. */
const MISSES_MAX = 10;
const MIB = 1 << 20;

/** Kills both processes once 99 % are durable; null when the copy was faster. */
async function killAt99(rig: Rig, id: string, sizeBytes: number): Promise<JobView | null> {
  for (;;) {
    const view = await rig.client.call('showJob', { id });
    if (view.state === 'done' || view.phase === 'finishing') return null;
    if (view.state === 'waiting') continue;
    if (view.state !== 'running') throw new Error(`the copy is ${view.state}: ${view.error?.message}`);
    if (view.durableBytes < SHARE * sizeBytes) continue;
    await Promise.all([rig.daemon.kill(), rig.agent.kill()]);
    return view;
  }
}

interface Restarted {
  readonly firstByteSeconds: number;
  readonly doneSeconds: number;
  readonly sentBytes: number;
}

async function restart(rig: Rig, id: string): Promise<Restarted> {
  const startMs = performance.now();
  const since = () => (performance.now() - startMs) / 1000;
  rig.startAgent();
  rig.startDaemon();
  await rig.daemon.ready;
  let before: number | null = null;
  let firstByteSeconds: number | null = null;
  for (;;) {
    const view = await rig.client.call('showJob', { id });
    before ??= view.sentBytes;
    if (view.sentBytes > before) firstByteSeconds ??= since();
    if (view.state === 'failed') throw new Error(`the copy failed: ${view.error?.message}`);
    if (view.state !== 'done') continue;
    const doneSeconds = since();
    return {
      doneSeconds,
      firstByteSeconds: firstByteSeconds ?? doneSeconds,
      sentBytes: view.sentBytes - before,
    };
  }
}

async function oneRound(path: string, sizeBytes: number, folder: string): Promise<Restarted | null> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await using rig = await Rig.start({ folder });
  const { id } = await rig.startJob('in', path, `${rig.guestFiles}/`);
  const killed = await killAt99(rig, id, sizeBytes);
  if (killed === null) return null;
  const after = await restart(rig, id);
  const copy = join(rig.guestFiles, basename(path));
  if ((await sha256OfFile(copy)) !== (await sha256OfFile(path)))
    throw new Error('wrong copy: SHA-256 differs');
  return after;
}

async function run({ directory, date, quick, rounds, say, signal }: ProbeContext) {
  const whole = CASES.find(({ name }) => name === 'file-4g-random')!;
  const which = quick ? quickened(whole) : whole;
  const place = createWorkplace(chooseDirectory(directory, which.sizeBytes), LOOPBACK);
  const figures = new Figures();
  try {
    const { path, sizeBytes } = prepareSource(which, place.source);
    for (let round = 0, misses = 0; round < rounds; ) {
      signal.throwIfAborted();
      const after = await oneRound(path, sizeBytes, join(place.data, 'rig'));
      if (after === null) {
        misses += 1;
        if (misses > MISSES_MAX) throw new Error('the copy is always over before it can be killed');
        continue;
      }
      round += 1;
      figures.add('until the first new byte, s', after.firstByteSeconds);
      figures.add('until done, s', after.doneSeconds);
      figures.add('sent after the restart, MiB', after.sentBytes / MIB);
      say(
        `  first new byte ${after.firstByteSeconds.toFixed(2)} s, done ${after.doneSeconds.toFixed(2)} s, sent ${(after.sentBytes / MIB).toFixed(1)} MiB`,
      );
    }
  } finally {
    place.dispose();
  }
  return { what: RESTART.what, date, quick, figures: figures.record };
}

/** Times are from the start of both processes. What was sent after the restart is an upper bound of what was sent twice. */
export const RESTART: Probe = {
  name: 'restart-99',
  what: 'daemon and agent killed (SIGKILL) when 99 % of a 4 GiB file are durable, and started again',
  run,
};
