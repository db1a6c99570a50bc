// What runs in a process of its own as the client of a share that is measured: one task after the other.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { LoadOutcome, LoadTarget, LoadTask } from '../load.ts';
import { latenciesOf } from '../load_content.ts';
import { parseProcessTimes } from './cpu_times.ts';
import { davLoad } from './load_dav.ts';
import { folderLoad } from './load_folder.ts';
import { smbLoad } from './load_smb.ts';
import { type LoadWork, wrong } from './load_work.ts';

type Prepare = (target: unknown, task: LoadTask) => LoadWork;

function workOf(target: LoadTarget, task: LoadTask): LoadWork {
  const kinds: Record<string, unknown> =
    target.kind === 'folder' ? folderLoad : target.kind === 'dav' ? davLoad : smbLoad;
  const prepare = kinds[task.kind] as Prepare | undefined;
  if (prepare === undefined) throw wrong('smbclient cannot do that');
  return prepare(target.kind === 'folder' ? target.path : target, task);
}

/** Of this process by the clock of the kernel, of those that it has run in its ticks of 10 ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  const { reapedMs } = parseProcessTimes(readFileSync('/proc/self/stat', 'latin1'));
  return (user + system) / 1000 + reapedMs;
}

async function perform(target: LoadTarget, task: LoadTask): Promise<LoadOutcome> {
  const work = workOf(target, task);
  const cpuBefore = cpuMs();
  const beginMs = performance.now();
  const { amount, timesMs, elapsedMs } = await work();
  return {
    elapsedMs: elapsedMs ?? performance.now() - beginMs,
    cpuMs: cpuMs() - cpuBefore,
    amount,
    latencies: timesMs === undefined ? null : latenciesOf(timesMs),
  };
}

process.once('disconnect', () => process.exit(1));
process.on('SIGINT', () => undefined); // who started this ends it
process.on('message', ({ target, task }: { target: LoadTarget; task: LoadTask }) => {
  perform(target, task).then(
    (outcome) => process.send?.({ outcome }),
    (failure: Error) => process.send?.({ failure: failure.message }),
  );
});
