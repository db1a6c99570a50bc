import type { BenchMachine } from '../../world/bench_machine.ts';
import { type PeerPlace, type SharePeer, versionLine } from '../share_peer.ts';

const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/lib/ssh/sftp-server',
];
/** Where sshd of root drops its rights to; made at boot only where sshd is a service. */
const PRIVILEGE_FOLDER = '/run/sshd';

const sftpServer = ({ files }: BenchMachine) => SFTP_SERVERS.find((path) => files.isThere(path)) ?? null;

/** A folder behind an OpenSSH server of its own on loopback, mounted by sshfs. */
export const sshfs: SharePeer = {
  name: 'sshfs',
  what: 'sshfs over a private sshd on loopback, default cipher',
  needs: [
    { program: 'sshfs', debianPackage: 'sshfs' },
    { program: 'sshd', debianPackage: 'openssh-server' },
    { program: 'ssh-keygen', debianPackage: 'openssh-client' },
  ],
  hindrance(machine) {
    if (!machine.files.isThere('/dev/fuse')) return 'this kernel offers no FUSE';
    return sftpServer(machine) === null ? 'not installed: apt install openssh-sftp-server' : null;
  },
  version: async (machine) =>
    `${await versionLine(machine, ['sshfs', '--version'], 'SSHFS')}; ${await versionLine(machine, ['ssh', '-V'])}`,
  async start(place) {
    const { machine, shared, state, mountpoint } = place;
    const port = await startSshd(place);
    const options = [
      ...['-F', '/dev/null', '-f', '-p', String(port)],
      ...['-o', `IdentityFile=${state}/user`, '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'],
      ...['-o', `UserKnownHostsFile=${state}/known`, '-o', 'GlobalKnownHostsFile=/dev/null'],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes'],
    ];
    const user = (await machine.run([machine.find('id') ?? 'id', '-un'])).trim();
    const argv = [machine.find('sshfs') ?? '', ...options, `${user}@127.0.0.1:${shared}`, mountpoint];
    const server = place.start({ argv });
    place.atEnd(() => machine.files.unmount(mountpoint));
    await server.until(() => machine.files.isMounted(mountpoint));
    return { kind: 'folder', path: mountpoint };
  },
};

/** The port. */
async function startSshd({ machine, state, start }: PeerPlace): Promise<number> {
  const keygen = machine.find('ssh-keygen') ?? '';
  for (const name of ['host', 'user'])
    await machine.run([keygen, '-q', '-t', 'ed25519', '-N', '', '-f', `${state}/${name}`]);
  const port = await machine.freePort();
  const hostKey = await machine.run([keygen, '-y', '-f', `${state}/host`]);
  machine.files.writeText(`${state}/known`, `[127.0.0.1]:${port} ${hostKey}`);
  if (!machine.files.isThere(PRIVILEGE_FOLDER) && (await isRoot(machine)))
    machine.files.makeFolder(PRIVILEGE_FOLDER);
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${state}/host`,
    `AuthorizedKeysFile ${state}/user.pub`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'PidFile none',
    'UseDNS no',
    'LogLevel ERROR',
    `Subsystem sftp ${sftpServer(machine)}`,
    '',
  ];
  machine.files.writeText(`${state}/sshd_config`, lines.join('\n'));
  const sshd = start({ argv: [machine.find('sshd') ?? '', '-D', '-e', '-f', `${state}/sshd_config`] });
  await sshd.until(() => machine.accepts(port));
  return port;
}

async function isRoot(machine: BenchMachine): Promise<boolean> {
  return (await machine.run([machine.find('id') ?? 'id', '-u'])).trim() === '0';
}
