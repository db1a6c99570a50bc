import { formatBytes } from '../../base/units.ts';
import type { WritesView } from '../../contract/cache_schemas.ts';
import type { LeaseView } from '../../contract/lease_schemas.ts';
import type { CacheView, WaitingView } from '../../contract/mount_schemas.ts';
import { aheadOf, hitRateOf, hitRateText, spanText } from '../cache_text.ts';
import { tierTable } from '../cache_tier_text.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';
import { WRITES_HEAD, writesRow } from '../writes_text.ts';

const HEAD = [
  'MOUNTED AT',
  'POLICY',
  'DISK',
  'HOLDS',
  'OF',
  'MEMORY',
  'HIT RATE',
  'AHEAD',
  'IN VAIN',
  'EVICTED',
  'DAMAGED',
  'BYPASSED',
];

const WAITING_HEAD = [
  'MOUNTED AT',
  'WAITS FOR',
  'DIRTY',
  'CHANGES',
  'OLDEST',
  'CLEAN IN',
  'JOURNAL',
  'STUCK',
  'CONFLICTS',
];

/** A mount in which writes wait. */
interface Waits {
  readonly mountpoint: string;
  readonly source: string;
  /** The machine that has the mount and the journal; null: this host. */
  readonly at: string | null;
  /** Null while it is not mounted: what waits is in the journal. */
  readonly waiting: WaitingView | null;
}

const LEASE_HEAD = [
  'MOUNTED AT',
  'LEASES',
  'GIVEN',
  'ASKED BACK',
  'CHANGED BY OTHERS',
  'TAKEN AWAY',
  'WAITS',
  'MEAN WAIT',
];

/** A mount of a share, whose leases this host gives. */
interface Leased {
  readonly mountpoint: string;
  readonly source: string;
  readonly at: string;
  readonly leases: LeaseView;
}

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
  const waiting = await waitingIn(context);
  const leases = await leasesOf(context);
  const writes = await writesOf(context);
  if (json) terminal.out(`${JSON.stringify({ mounts, waiting, leases, writes })}\n`);
  else {
    const tables = [
      ...(mounts.length > 0 ? [table([HEAD, ...mounts.map(rowOf)])] : []),
      ...tierTable(mounts),
      ...(waiting.length > 0
        ? [table([WAITING_HEAD, ...waiting.map(waitingRow)]), ...waiting.flatMap(notesOf)]
        : []),
      ...(writes.length > 0
        ? [table([WRITES_HEAD, ...writes.map((one) => writesRow(one.mountpoint, one.writes))])]
        : []),
      ...(leases.length > 0 ? [table([LEASE_HEAD, ...leases.map(leaseRow)])] : []),
    ];
    terminal.out(`${tables.length === 0 ? 'no mount has a cache' : tables.join('\n')}\n`);
  }
  return 0;
};

/** What becomes of writes in each mount with a cache. */
async function writesOf({ client }: Context): Promise<{ mountpoint: string; writes: WritesView }[]> {
  const mounts = await client.call('listMounts', {});
  const shares = await client.call('listShares', {});
  return [
    ...mounts.flatMap(({ mountpoint, writes }) => (writes === null ? [] : [{ mountpoint, writes }])),
    ...shares.flatMap(({ mount }) =>
      mount?.writes ? [{ mountpoint: `${mount.vm}:${mount.path}`, writes: mount.writes }] : [],
    ),
  ];
}

async function waitingIn({ client }: Context): Promise<Waits[]> {
  const mounts = await client.call('listMounts', {});
  const shares = await client.call('listShares', {});
  return [
    ...mounts
      .filter(({ writes }) => writes?.journal)
      .map(({ mountpoint, vm, folder, waiting }) => ({
        mountpoint,
        source: `${vm}:${folder}`,
        at: null,
        waiting,
      })),
    ...shares.flatMap(({ source, mount }) =>
      mount?.writes?.journal
        ? [{ mountpoint: mount.path, source, at: mount.vm, waiting: mount.waiting }]
        : [],
    ),
  ];
}

function waitingRow({ mountpoint, source, at, waiting }: Waits): string[] {
  const place = at === null ? mountpoint : `${at}:${mountpoint}`;
  if (waiting === null) return [place, source, 'not mounted', '-', '-', '-', '-', '-', '-'];
  const { dirtyBytes, changes, oldestDirtyAgeMs, timeToCleanMs, journalBytes } = waiting;
  return [
    place,
    source,
    formatBytes(dirtyBytes),
    String(changes),
    spanText(oldestDirtyAgeMs, '-'),
    changes === 0 ? 'clean' : spanText(timeToCleanMs, 'not known'),
    formatBytes(journalBytes),
    String(waiting.failures.length),
    String(waiting.conflicts.length),
  ];
}

/** What a person has to know of it. */
function notesOf({ waiting }: Waits): string[] {
  const failures = (waiting?.failures ?? []).map(
    ({ path, code, message }) => `${path}: ${message} (${code})`,
  );
  return [...failures, ...(waiting?.conflicts ?? []).map(({ message }) => message)];
}

async function leasesOf({ client }: Context): Promise<Leased[]> {
  const shares = await client.call('listShares', {});
  return shares.flatMap(({ source, mount }) => {
    if (!mount?.leases || mount.cache === null) return [];
    const { vm, path, leases } = mount;
    return [{ mountpoint: path, source, at: vm, leases }];
  });
}

function leaseRow({ mountpoint, at, leases }: Leased): string[] {
  const { held, granted, broken, recalled, fenced, waits } = leases;
  const meanMs = waits.count === 0 ? null : waits.sumUs / 1_000 / waits.count;
  return [
    `${at}:${mountpoint}`,
    ...[held, granted, broken, recalled, fenced, waits.count].map(String),
    meanMs === null ? '-' : `${meanMs.toFixed(1)} ms`,
  ];
}

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
  const ahead = aheadOf(cache);
  return [
    at === null ? mountpoint : `${at}:${mountpoint}`,
    cache.policy,
    cache.state,
    formatBytes(cache.residentBytes),
    formatBytes(cache.capacityBytes),
    formatBytes(cache.memoryBytes),
    hitRateText(hitRate),
    formatBytes(ahead.usedBytes),
    formatBytes(ahead.wastedBytes),
    ...[cache.evicted, cache.damaged, cache.bypassed].map(String),
  ];
}
