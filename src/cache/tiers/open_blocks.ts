import type { Disk } from '../../world/disk.ts';
import { BlockStore } from '../store/block_store.ts';
import type { StorePorts } from '../store/store_ports.ts';
import type { Blocks, StorePlace } from '../store/store_types.ts';
import { TieredBlocks } from './tiered_blocks.ts';

/** Opens what is kept at a place, on one disk or in tiers. It goes without a disk that cannot be used. */
export function openBlocks(ports: StorePorts, place: StorePlace): Promise<Blocks> {
  const { tiers } = place;
  return tiers === undefined ? BlockStore.open(ports, place) : TieredBlocks.open(ports, place, tiers);
}

/** Where a store lies, or each of its tiers: the folder, and the name in it. */
export function placesOf(
  name: string,
  folder: string,
  tiers: StorePlace['tiers'],
): { readonly folder: string; readonly name: string }[] {
  if (tiers === undefined) return [{ folder, name }];
  return tiers.map((tier) => ({ folder: tier.folder, name: `${name}-${tier.tier}` }));
}

/** Removes all that a store has left. CW_DISK_*, of the first place where it fails, once all were tried. */
export async function eraseBlocks(
  disk: Pick<Disk, 'openRoot'>,
  places: readonly { readonly folder: string; readonly name: string }[],
): Promise<void> {
  const done = await Promise.allSettled(
    places.map(({ folder, name }) => BlockStore.erase(disk, folder, name)),
  );
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}
