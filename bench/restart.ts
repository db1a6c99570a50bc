/** A copy whose processes are killed at 99 % and started again. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
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

/** What lies on the disk of a partial file below the destination, in bytes; null where there is none. */
function writtenBytes(destination: string): number | null {
  const unfinished = join(destination, '.causeway');
  if (!existsSync(unfinished)) return null;
  try {
    const files = readdirSync(unfinished, { recursive: true, withFileTypes: true }).filter(
      (each) => each.isFile() && each.name !== 'journal',
    );
    return files.reduce(
      (sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512,
      0,
    );
  } catch {
    return null; // it was put into its place at this very moment
  }
}

/**
 * Kills both processes once 99 % are written, so that something is left to send; gives what is missing then, in bytes, or
 * null when the copy was faster.
 */
async function killAt99(rig: Rig, id: string, sizeBytes: number): Promise<number | null> {
  for (;;) {
    const written = writtenBytes(rig.guestFiles);
    if (written === null || written < SHARE * sizeBytes) {
      const { state, error } = await rig.client.call('showJob', { id });
      if (state === 'done') return null;
      if (state !== 'running' && state !== 'waiting')
        throw new Error(`the copy is ${state}: ${error?.message}`);
      continue;
    }
    rig.agent.child.kill('SIGKILL');
    rig.daemon.child.kill('SIGKILL');
    await Promise.all([rig.agent.kill(), rig.daemon.kill()]);
    const missing = sizeBytes - (writtenBytes(rig.guestFiles) ?? sizeBytes);
    return missing > 0 ? missing : null;
  }
}

interface Restarted {
  readonly firstByteSeconds: number;
  readonly doneSeconds: number;
  readonly sentBytes: number;
}

/** Restarts both and follows the copy to its end. */
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

interface Round extends Restarted {
  readonly missingBytes: number;
}

async function oneRound(path: string, sizeBytes: number, folder: string): Promise<Round | null> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await using rig = await Rig.start({ folder });
  const { id } = await rig.startJob('in', path, `${rig.guestFiles}/`);
  const missingBytes = await killAt99(rig, id, sizeBytes);
  if (missingBytes === null) return null;
  const after = await restart(rig, id);
  const copy = join(rig.guestFiles, basename(path));
  if ((await sha256OfFile(copy)) !== (await sha256OfFile(path)))
    throw new Error('wrong copy: SHA-256 differs');
  return { ...after, missingBytes };
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
      const again = Math.max(0, after.sentBytes - after.missingBytes);
      figures.add('until the first new byte, s', after.firstByteSeconds);
      figures.add('until done, s', after.doneSeconds);
      figures.add('sent after the restart, MiB', after.sentBytes / MIB);
      figures.add('sent again, MiB', again / MIB);
      say(
        `  first new byte ${after.firstByteSeconds.toFixed(2)} s, done ${after.doneSeconds.toFixed(2)} s, sent ${(after.sentBytes / MIB).toFixed(1)} MiB of which again ${(again / MIB).toFixed(1)} MiB`,
      );
    }
  } finally {
    place.dispose();
  }
  return { what: RESTART.what, date, quick, figures: figures.record };
}

/** Times are from the start of both processes. What was sent again was on the destination's disk before. */
export const RESTART: Probe = {
  name: 'restart-99',
  what: 'daemon and agent killed (SIGKILL) when 99 % of a 4 GiB file are written, and started again',
  run,
};
