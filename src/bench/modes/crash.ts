import type { World } from '../../world/world.ts';
import type { LoadFile } from './mode_load.ts';
import { isThere, runSteps } from './mode_run.ts';
import type { ModeStand } from './mode_stand.ts';

const FILES = 64;
const FILE_BYTES = 16 * 1024;

/** What was acknowledged, files that were written and closed, and what of it was there after the host's process was killed. */
export interface CrashFigures {
  readonly acknowledged: number;
  /** On the machine, right after. */
  readonly atOnce: number;
  /** Not there after a restart either. */
  readonly lost: number;
}

/** Writes small files, kills the process that has the mount, and counts what is left. CW_BENCH, CW_DISK_*. */
export async function crashOf(
  world: Pick<World, 'clock' | 'disk'>,
  stand: ModeStand,
  shared: string,
): Promise<CrashFigures> {
  const files: LoadFile[] = Array.from({ length: FILES }, (_, index) => ({
    name: `crash-${stand.mode}-${index}`,
    sizeBytes: FILE_BYTES,
  }));
  {
    await using dir = await world.disk.openRoot(stand.mountpoint);
    const steps = files.map((file) => ({ kind: 'write' as const, ...file }));
    await runSteps(dir, steps, { clock: world.clock, signal: stand.signal });
    await stand.kill();
  }
  await using dir = await world.disk.openRoot(shared);
  const count = async () => {
    let there = 0;
    for (const file of files) if (await isThere(dir, file)) there += 1;
    return there;
  };
  const atOnce = await count();
  await stand.restart();
  await stand.clean();
  return { acknowledged: FILES, atOnce, lost: FILES - (await count()) };
}
