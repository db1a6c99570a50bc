import { formatBytes } from '../../base/units.ts';
import type { CacheView } from '../../contract/mount_schemas.ts';
import { hitRateOf, hitRateText } from '../cache_text.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';

const HEAD = ['MOUNTED AT', 'POLICY', 'DISK', 'HOLDS', 'OF', 'HIT RATE', 'EVICTED', 'DAMAGED', 'BYPASSED'];

interface Cached {
  readonly mountpoint: string;
  /** Where the files are. */
  readonly source: string;
  /** The machine that has the mount and keeps the blocks; null: this host. */
  readonly at: string | null;
  readonly hitRate: number | null;
  readonly cache: CacheView;
}

/** `causeway cache status` */
export const cacheStatus: Action = async (context) => {
  const { terminal, json } = context;
  const mounts = [...(await ofMounts(context)), ...(await ofShares(context))];
  if (json) terminal.out(`${JSON.stringify({ mounts })}\n`);
  else if (mounts.length === 0) terminal.out('no mount has a cache\n');
  else terminal.out(`${table([HEAD, ...mounts.map(rowOf)])}\n`);
  return 0;
};

async function ofMounts({ client }: Context): Promise<Cached[]> {
  const mounts = await client.call('listMounts', {});
  return mounts.flatMap(({ mountpoint, vm, folder, cache }) =>
    cache === null
      ? []
      : [{ mountpoint, source: `${vm}:${folder}`, at: null, hitRate: hitRateOf(cache), cache }],
  );
}

async function ofShares({ client }: Context): Promise<Cached[]> {
  const shares = await client.call('listShares', {});
  return shares.flatMap(({ source, mount }) => {
    if (!mount?.cache) return [];
    const { vm, path, cache } = mount;
    return [{ mountpoint: path, source, at: vm, hitRate: hitRateOf(cache), cache }];
  });
}

function rowOf({ mountpoint, at, hitRate, cache }: Cached): string[] {
  return [
    at === null ? mountpoint : `${at}:${mountpoint}`,
    cache.policy,
    cache.state,
    formatBytes(cache.residentBytes),
    formatBytes(cache.capacityBytes),
    hitRateText(hitRate),
    ...[cache.evicted, cache.damaged, cache.bypassed].map(String),
  ];
}
