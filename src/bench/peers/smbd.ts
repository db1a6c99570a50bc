import type { LoadTarget } from '../../world/load.ts';
import { type PeerPlace, type SharePeer, versionLine } from '../share_peer.ts';

export const SMB_NEEDS = [
  { program: 'smbd', debianPackage: 'samba' },
  { program: 'smbclient', debianPackage: 'smbclient' },
] as const;

export interface SmbAddress {
  readonly port: number;
  readonly share: string;
  readonly user: string;
  readonly password: string;
}

/** How smbclient reaches a share of this machine. */
export function smbTarget({ machine, shared, state }: PeerPlace, address: SmbAddress): LoadTarget {
  const { port, share, user, password } = address;
  const login = `${state}/login`;
  machine.files.writeText(login, `username = ${user}\npassword = ${password}\n`);
  const config = `${state}/client.conf`;
  machine.files.writeText(config, '[global]\nclient min protocol = SMB3\n');
  const options = ['-s', config, '-A', login, '-p', String(port), '-t', '600'];
  return {
    kind: 'smb',
    argv: [machine.find('smbclient') ?? '', ...options, `//127.0.0.1/${share}`],
    localFolder: shared,
  };
}

/** Samba with as little configuration as it needs, nothing of /etc: guests, no encryption. */
export const plainSmbd: SharePeer = {
  name: 'smbd',
  what: 'Samba as it comes, SMB 3 without encryption, by smbclient',
  needs: SMB_NEEDS,
  hindrance: (_machine, isRoot) =>
    isRoot ? null : 'Samba serves its clients as root only: run it with sudo',
  version: (machine) => versionLine(machine, ['smbd', '--version']),
  async start(place) {
    const { machine, shared, state } = place;
    const port = await machine.freePort();
    for (const name of ['private', 'locks', 'state', 'cache', 'pid', 'rpc'])
      machine.files.makeFolder(`${state}/${name}`);
    machine.files.writeText(
      `${state}/smb.conf`,
      `[global]
interfaces = 127.0.0.1
bind interfaces only = yes
smb ports = ${port}
server role = standalone server
map to guest = bad user
guest account = root
private dir = ${state}/private
lock directory = ${state}/locks
state directory = ${state}/state
cache directory = ${state}/cache
pid directory = ${state}/pid
ncalrpc dir = ${state}/rpc
log file = ${state}/log
disable spoolss = yes
load printers = no
[bench]
path = ${shared}
read only = no
guest ok = yes
`,
    );
    const argv = [machine.find('smbd') ?? '', '-F', '--no-process-group', '-s', `${state}/smb.conf`];
    const server = place.start({ argv });
    await server.until(() => machine.accepts(port));
    return smbTarget(place, { port, share: 'bench', user: 'nobody-here', password: 'none' });
  },
};
