import { toHex, utf8 } from '../base/bytes.ts';
import { hashBytes } from '../base/hash.ts';
import { joinAbsolute } from '../base/path.ts';
import type { SmbSignIn } from '../share/samba/sign_ins.ts';
import type { ShowFolder } from '../world/mounts.ts';
import type { SmbPrograms } from '../world/smb.ts';
import type { World } from '../world/world.ts';
import type { Access } from './access.ts';
import { NO_SMB, Samba, type SmbListen } from './samba.ts';
import { SmbMounts } from './smb_mounts.ts';

interface SambaGround {
  readonly world: World;
  readonly dataDirectory: string;
  readonly web: { readonly smb?: SmbOptions };
}

/** What a daemon needs to serve shares by SMB. */
export interface SmbOptions {
  readonly programs: SmbPrograms;
  readonly listen: SmbListen | null;
  /** Absent: shares with a quota are not served by SMB. */
  readonly show?: ShowFolder;
}

/** Only root makes something there, and everybody may pass through. */
const MOUNTS = '/run/causeway';

/** The Samba of a daemon, which serves nothing where there is none. */
export function sambaOf(
  { world, dataDirectory, web }: SambaGround,
  allow: Access['allow'],
  signedIn: (signIn: SmbSignIn) => void,
): Samba {
  return new Samba({
    clock: world.clock,
    programs: web.smb?.programs ?? NO_SMB,
    directory: joinAbsolute(dataDirectory, 'samba'),
    listen: web.smb?.listen ?? null,
    mounts: new SmbMounts(
      web.smb?.show ?? null,
      (processId) => web.smb?.programs.clientOf(processId) ?? null,
      `${MOUNTS}/${toHex(hashBytes(utf8(dataDirectory))).slice(0, 16)}`,
    ),
    signedIn,
    networks: () => (allow.networks.length > 0 ? allow.networks : allow.configured),
  });
}
