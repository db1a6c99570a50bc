import type { CopyOptions } from '../wire/copy_types.ts';
import type { World } from '../world/world.ts';

/** The world that a copy works in: the threads of one that nobody waits for give way to everything else on the machine. */
export function worldFor(world: World, { trafficClass }: CopyOptions): World {
  const { gentle } = world.offload;
  return trafficClass === 'background' && gentle ? { ...world, offload: gentle } : world;
}
