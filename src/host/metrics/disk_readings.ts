import { LIMITS } from '../../base/limits.ts';
import type { Readings } from '../../telemetry/readings.ts';
import type { SpaceInfo } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';

/** The free space of folders by what they are called. One that cannot be read, or does not answer, is left out. */
export async function readDisks(
  readings: Readings,
  world: Pick<World, 'disk' | 'clock'>,
  folders: ReadonlyMap<string, string>,
): Promise<void> {
  const found = await Promise.all(
    [...folders].map(async ([place, path]) => [place, await spaceOf(world, path)] as const),
  );
  for (const [place, space] of found) {
    readings.set('causeway_disk_free_bytes', { place }, space?.freeBytes);
    readings.set('causeway_disk_size_bytes', { place }, space?.totalBytes);
  }
}

/** A folder of a server that went away blocks whoever asks: it is waited for no longer than a scrape can. */
async function spaceOf(
  { disk, clock }: Pick<World, 'disk' | 'clock'>,
  path: string,
): Promise<SpaceInfo | null> {
  const asked = (async () => {
    await using dir = await disk.openRoot(path);
    return dir.space();
  })().catch(() => null); // a folder that is gone has no figures; the share itself tells why
  const over = new AbortController();
  const late = clock.sleep(LIMITS.metricDiskWaitMs.value, over.signal).then(
    () => null,
    () => null, // the answer came first
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    over.abort();
  }
}
