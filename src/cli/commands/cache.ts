import { formatBytes } from '../../base/units.ts';
import type { CacheView } from '../../contract/mount_schemas.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const HEAD = ['MOUNTED AT', 'POLICY', 'DISK', 'HOLDS', 'OF', 'HIT RATE', 'EVICTED', 'DAMAGED', 'BYPASSED'];

/** `causeway cache status` */
export const cacheStatus: Action = async ({ client, terminal, json }) => {
  const mounts = (await client.call('listMounts', {})).flatMap(({ mountpoint, vm, folder, cache }) =>
    cache === null ? [] : [{ mountpoint, vm, folder, hitRate: hitRateOf(cache), cache }],
  );
  if (json) terminal.out(`${JSON.stringify({ mounts })}\n`);
  else if (mounts.length === 0) terminal.out('no mount of a machine has a cache\n');
  else terminal.out(`${table([HEAD, ...mounts.map(rowOf)])}\n`);
  return 0;
};

function rowOf(mount: { mountpoint: string; hitRate: number | null; cache: CacheView }): string[] {
  const { mountpoint, hitRate, cache } = mount;
  return [
    mountpoint,
    cache.policy,
    cache.state,
    formatBytes(cache.residentBytes),
    formatBytes(cache.capacityBytes),
    hitRate === null ? '-' : `${(100 * hitRate).toFixed(1)} %`,
    ...[cache.evicted, cache.damaged, cache.bypassed].map(String),
  ];
}

/** By bytes that were asked for, 0 to 1; null before the first. */
function hitRateOf({ bytesFromCache, bytesFetched }: CacheView): number | null {
  const all = bytesFromCache + bytesFetched;
  return all === 0 ? null : bytesFromCache / all;
}
