import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import { abortReason, throwIfAborted } from '../../base/signal.ts';
import type { BenchPlace } from '../../world/bench_machine.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { crashOf } from './crash.ts';
import type { CacheMode, ModeReport, ModesReport, ModesWork } from './mode_figures.ts';
import { hitRateOf, targetsOf } from './mode_figures.ts';
import { type ModeLoad, modeLoad } from './mode_load.ts';
import { type LoadTimes, layFiles, runSteps } from './mode_run.ts';
import { ModeStand } from './mode_stand.ts';

export interface ModesRun {
  readonly world: Pick<World, 'clock' | 'disk' | 'net'>;
  readonly place: BenchPlace;
  readonly modes: readonly CacheMode[];
  readonly work: ModesWork;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** Measures one mode of the cache after the other. Afterwards no process and no mount of it is left. CW_CANCELLED. */
export async function measureModes(run: ModesRun): Promise<ModesReport> {
  const { place, world, work, signal } = run;
  const load = modeLoad(work);
  const shared = `${place.folder}/shared`;
  place.machine.files.makeFolder(shared);
  run.progress('making the files that are read');
  {
    await using dir = await world.disk.openRoot(shared);
    await layFiles(dir, load.files);
  }
  await world.clock.sleep(LIMITS.cacheSettledMs.value); // a cache keeps what was not changed just now
  const modes: ModeReport[] = [];
  for (const mode of run.modes) {
    throwIfAborted(signal);
    run.progress(`${mode.name}: ${mode.what}`);
    modes.push(await measureMode(run, mode, load, shared));
  }
  const cpu = place.machine.cpu();
  return {
    schema: 1,
    work,
    fileSystem: place.fileSystem,
    cpuMs: cpu.startedMs,
    modes,
    targets: targetsOf(modes),
  };
}

async function measureMode(
  run: ModesRun,
  mode: CacheMode,
  load: ModeLoad,
  shared: string,
): Promise<ModeReport> {
  const { world, place, signal } = run;
  const base = { name: mode.name, what: mode.what };
  try {
    await using stand = await ModeStand.start(run, mode, shared);
    const before = stand.receivedBytes;
    const times = await runIn(run, stand.mountpoint, load);
    const receivedBytes = stand.receivedBytes - before;
    const hitRate = hitRateOf({ reads: times.reads, receivedBytes });
    const drainMs = await stand.clean();
    const crash = await crashOf(world, stand, shared);
    return { ...base, reason: null, figures: { ...times, receivedBytes, hitRate, drainMs, crash } };
  } catch (failure) {
    if (signal.aborted) throw abortReason(signal);
    return { ...base, reason: asCausewayError(failure).message, figures: null };
  } finally {
    await using dir = await world.disk.openRoot(shared);
    await removeWritten(dir, load);
    place.machine.files.remove(`${place.folder}/${mode.name}`);
  }
}

async function runIn({ world, signal }: ModesRun, folder: string, load: ModeLoad): Promise<LoadTimes> {
  await using dir = await world.disk.openRoot(folder);
  return await runSteps(dir, load.steps, { clock: world.clock, signal });
}

/** Each mode finds the same folder. */
async function removeWritten(dir: Dir, { steps }: ModeLoad): Promise<void> {
  for (const { kind, name } of steps) {
    if (kind !== 'write') continue;
    await dir.removeFile(parseName(name)).catch((failure: unknown) => {
      if (!(failure instanceof CausewayError) || failure.code !== 'CW_DISK_NOT_FOUND') throw failure;
    });
  }
}
