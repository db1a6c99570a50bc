import { CausewayError } from '../base/errors.ts';
import type { ShareSmbView } from '../contract/share_schemas.ts';
import type { SambaShare } from '../share/samba/config.ts';
import type { World } from '../world/world.ts';
import type { Samba } from './samba.ts';
import type { LiveShare } from './share_live.ts';
import { statSource } from './share_source.ts';
import type { StoredShare } from './share_store.ts';
import type { SmbMounts } from './smb_mounts.ts';

/** Throws CW_SHARE_SMB for a share that cannot be served by SMB beside the others. */
export function checkSmb(samba: Samba, { name }: StoredShare, others: readonly string[]): void {
  samba.check(name, others);
}

/** Its clients act as the owner of the folder. `place` is where Samba finds it. CW_SHARE_SOURCE. */
export async function sambaShareOf(
  world: Pick<World, 'disk'>,
  record: StoredShare,
  place: string = record.source,
): Promise<SambaShare> {
  const { name, source, readOnly } = record;
  const { userId, groupId } = await statSource(world, source);
  return { name, path: place, readOnly, userId, groupId };
}

/** The shares that are to be served by SMB and whose folder is the one that was shared. */
export async function smbSharesOf(
  world: Pick<World, 'disk'>,
  mounts: SmbMounts,
  shares: readonly LiveShare[],
): Promise<SambaShare[]> {
  const wanted = shares.filter(({ record }) => record.smb === true);
  const found = await Promise.all(
    wanted.map(async (share) => {
      if ((await share.problem()) !== null) return null;
      const place = await mounts.placeOf(share);
      if (place === null) return null;
      return sambaShareOf(world, share.record, place).catch(() => null); // it went away this moment
    }),
  );
  return found.filter((share) => share !== null);
}

/** `problem` is what is wrong with the folder of the share. */
export function smbView(
  samba: Samba,
  record: StoredShare,
  problem: CausewayError | null,
): ShareSmbView | null {
  if (record.smb !== true) return null;
  const { address, mounts } = samba;
  const error = problem ?? mounts.failure(record.name) ?? samba.failure ?? (address === null ? off() : null);
  return {
    state: error === null ? 'serving' : 'error',
    error: error?.report() ?? null,
    host: error === null ? (address?.host ?? null) : null,
    port: error === null ? (address?.port ?? null) : null,
  };
}

function off(): CausewayError {
  return new CausewayError('CW_SHARE_SMB', 'this daemon serves nothing by SMB (`shares.smbAddress` is off)');
}
