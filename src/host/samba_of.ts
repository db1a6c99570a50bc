import { joinAbsolute } from '../base/path.ts';
import type { SmbPrograms } from '../world/smb.ts';
import type { World } from '../world/world.ts';
import type { Access } from './access.ts';
import { NO_SMB, Samba, type SmbListen } from './samba.ts';

interface SambaGround {
  readonly world: World;
  readonly dataDirectory: string;
  readonly web: { readonly smb?: { readonly programs: SmbPrograms; readonly listen: SmbListen | null } };
}

/** The Samba of a daemon, which serves nothing where there is none. */
export function sambaOf({ world, dataDirectory, web }: SambaGround, allow: Access['allow']): Samba {
  return new Samba({
    clock: world.clock,
    programs: web.smb?.programs ?? NO_SMB,
    directory: joinAbsolute(dataDirectory, 'samba'),
    listen: web.smb?.listen ?? null,
    networks: () => (allow.networks.length > 0 ? allow.networks : allow.configured),
  });
}
