import { CausewayError } from '../../base/errors.ts';
import type { SetCacheRequest } from '../../contract/cache_schemas.ts';
import type { AddMountRequest, CacheWaitRequest, RemoveMountRequest } from '../../contract/mount_schemas.ts';
import type { Details, Procedure } from '../procedure.ts';

export const MOUNT_PROCEDURES = {
  listMounts: { act: async ({ mounts }) => mounts.views() },
  addMount: {
    subject: (_parts, { body }) => `mount:${(body as AddMountRequest).mountpoint}`,
    details: ({ body }) => detailsOf(body as AddMountRequest),
    act: ({ mounts }, { body }) => mounts.add(body as AddMountRequest),
  },
  removeMount: {
    subject: (_parts, { body }) => `mount:${(body as RemoveMountRequest).mountpoint}`,
    act: async ({ mounts }, { body }) => {
      await mounts.remove((body as RemoveMountRequest).mountpoint);
      return {};
    },
  },
  waitCache: {
    subject: (_parts, { body }) => {
      const { mountpoint, share } = body as CacheWaitRequest;
      return share === undefined ? `mount:${mountpoint ?? ''}` : `share:${share}`;
    },
    act: ({ mounts, shares }, { body }) => {
      const { mountpoint, share, clean, waitMs } = body as CacheWaitRequest;
      if (share !== undefined && mountpoint === undefined) return shares.waitFor(share, clean, waitMs);
      if (mountpoint === undefined || share !== undefined)
        throw new CausewayError('CW_USAGE', 'say which mount or which share is meant');
      return mounts.waitFor(mountpoint, clean, waitMs);
    },
  },
  setCache: {
    subject: (_parts, { body }) => {
      const { mountpoint, share } = body as SetCacheRequest;
      return share === undefined ? `mount:${mountpoint ?? ''}` : `share:${share}`;
    },
    details: ({ body }) => {
      const { policy, journal } = body as SetCacheRequest;
      return { ...(policy && { cachePolicy: policy }), ...journal };
    },
    act: async ({ mounts, shares }, { body }) => {
      const { mountpoint, share, ...wish } = body as SetCacheRequest;
      if (share !== undefined && mountpoint === undefined)
        return { writes: (await shares.setCache(share, wish)).mount?.writes ?? null };
      if (mountpoint === undefined || share !== undefined)
        throw new CausewayError('CW_USAGE', 'say which mount or which share is meant');
      return { writes: (await mounts.setCache(mountpoint, wish)).writes };
    },
  },
} satisfies Record<string, Procedure>;

function detailsOf(request: AddMountRequest): Details {
  const { vm, folder, readOnly, allowOther, numericIds, asRoot, cacheBytes = 0, cachePolicy } = request;
  return {
    vm,
    folder,
    readOnly: readOnly === true,
    allowOther: allowOther === true,
    numericIds: numericIds === true,
    asRoot: asRoot === true,
    cacheBytes,
    ...(cachePolicy === undefined ? {} : { cachePolicy }),
  };
}
