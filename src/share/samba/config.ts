import type { SmbFiles, SmbPlace } from '../../world/smb.ts';

/** A share as Samba serves it: its name is also the name of the only user who may use it. */
export interface SambaShare {
  readonly name: string;
  /** Absolute path of the folder. */
  readonly path: string;
  readonly readOnly: boolean;
  /** Who its clients are on this machine. */
  readonly userId: number;
  readonly groupId: number;
}

/** Names that mean something else to Samba, or to those who list shares. */
const RESERVED = new Set(['global', 'homes', 'printers', 'print$', 'ipc$', 'admin$', 'root', 'nobody']);

/** Whether a share with that name can be served beside others: Windows does not tell upper from lower case. */
export function isSambaName(name: string, others: readonly string[]): boolean {
  const folded = name.toLowerCase();
  return !RESERVED.has(folded) && !others.some((other) => other.toLowerCase() === folded);
}

/** Everything a server needs for these shares; clients come from `networks` and this machine, or from anywhere where there are none. */
export function sambaFiles(
  place: SmbPlace,
  shares: readonly SambaShare[],
  networks: readonly string[],
): SmbFiles {
  return {
    config: [globalSection(place, networks), ...shares.map((share) => shareSection(place, share))].join('\n'),
    passwd: lines([
      ...shares.map(({ name, userId, groupId }) => passwdLine(name, userId, groupId)),
      passwdLine('nobody', NOBODY_ID, NOBODY_ID),
      passwdLine('root', 0, 0),
    ]),
    group: lines([
      ...shares.map(({ name, groupId }) => `${name}:x:${groupId}:`),
      `nogroup:x:${NOBODY_ID}:`,
      'root:x:0:',
    ]),
    folders: shares.map(({ name, path }) => ({ name, path })),
  };
}

/** Below the server's own folder: smb.conf gives some characters of a path a meaning, a link gives it a plain one. */
export function folderLink({ directory }: SmbPlace, name: string): string {
  return `${directory}/folders/${name}`;
}

/** Where the server tells of sign-ins. */
export function signInLog(directory: string): string {
  return `${directory}/sign-ins`;
}

const NOBODY_ID = 65_534;

function passwdLine(name: string, userId: number, groupId: number): string {
  return `${name}:x:${userId}:${groupId}::/nonexistent:/usr/sbin/nologin`;
}

function lines(of: readonly string[]): string {
  return `${of.join('\n')}\n`;
}

/*
 * SMB 3.1.1 with encryption and nothing else; no printers, no NetBIOS, no guests, no name of a share for who has not signed
 * in. No oplocks and leases: a client that has them keeps what others change at the host to itself.
 */
function globalSection({ directory, host, port }: SmbPlace, networks: readonly string[]): string {
  const state = `${directory}/state`;
  const isAny = host === '0.0.0.0' || host === '::';
  return section('global', {
    'server role': 'standalone server',
    'server string': 'Causeway',
    workgroup: 'WORKGROUP',
    'netbios name': 'CAUSEWAY',
    'smb ports': String(port),
    ...(isAny ? {} : { interfaces: host, 'bind interfaces only': 'yes' }),
    'private dir': state,
    'state directory': state,
    'lock directory': state,
    'cache directory': state,
    'pid directory': state,
    'ncalrpc dir': `${state}/ncalrpc`,
    'passdb backend': `tdbsam:${state}/passdb.tdb`,
    'log file': `${directory}/log.smbd`,
    'max log size': '1000',
    // who signed in, and who did not, with the address: for people, and for the audit log
    'log level': `1 auth_audit:3 auth_json_audit:3@${signInLog(directory)}`,
    ...(networks.length === 0 ? {} : { 'hosts allow': ['127.0.0.0/8', '::1', ...networks].join(' ') }),
    'server min protocol': 'SMB3_11',
    'server smb encrypt': 'required',
    'map to guest': 'never',
    'restrict anonymous': '2',
    'access based share enum': 'yes',
    'usershare max shares': '0',
    'disable netbios': 'yes',
    'multicast dns register': 'no',
    'load printers': 'no',
    printing: 'bsd',
    'printcap name': '/dev/null',
    'disable spoolss': 'yes',
    'unix extensions': 'no',
    'wide links': 'no',
    'follow symlinks': 'yes',
    'mangled names': 'no',
    oplocks: 'no',
    'level2 oplocks': 'no',
    'smb2 leases': 'no',
    'kernel oplocks': 'no',
    'strict sync': 'yes',
    'store dos attributes': 'no',
    'map archive': 'no',
    'hide special files': 'yes',
    'veto files': '/.causeway/',
    'dont descend': '/proc,/dev,/sys',
  });
}

function shareSection(place: SmbPlace, share: SambaShare): string {
  return section(share.name, {
    path: folderLink(place, share.name),
    'valid users': share.name,
    'read only': share.readOnly ? 'yes' : 'no',
    browseable: 'yes',
    'guest ok': 'no',
  });
}

function section(name: string, values: Readonly<Record<string, string>>): string {
  return lines([`[${name}]`, ...Object.entries(values).map(([key, value]) => `  ${key} = ${value}`)]);
}
