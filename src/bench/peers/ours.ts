import type { BenchMachine } from '../../world/bench_machine.ts';
import type { LoadTarget } from '../../world/load.ts';
import { type PeerPlace, type SharePeer, versionLine } from '../share_peer.ts';
import { SMB_NEEDS, smbTarget } from './smbd.ts';

const noFuse = ({ files }: BenchMachine) =>
  files.isThere('/dev/fuse') ? null : 'this kernel offers no FUSE';
const ownVersion = (machine: BenchMachine) => versionLine(machine, [machine.own.cli[0] ?? '', '--version']);

interface CreatedShare {
  readonly share: {
    readonly url: string;
    readonly smb: { readonly port: number; readonly error: { readonly message: string } | null } | null;
  };
  readonly password: string;
}

/** One command of this program for the daemon of that share; what it prints as JSON. */
async function ask<T>({ machine, state }: PeerPlace, ...words: readonly string[]): Promise<T> {
  const text = await machine.run([...machine.own.cli, '--data', `${state}/host`, ...words, '--json']);
  return JSON.parse(text) as T;
}

async function startDaemon({ machine, state, start }: PeerPlace, ...flags: readonly string[]): Promise<void> {
  machine.files.makeFolder(`${state}/host`);
  const argv = [...machine.own.cli, '--data', `${state}/host`, 'up', '--no-web', ...flags, '--ready-fd', '3'];
  await start({ argv, ready: 'fd3' }).readyLine();
}

const createShare = (place: PeerPlace, ...flags: readonly string[]) =>
  ask<CreatedShare>(place, 'share', 'create', place.shared, '--name', 'bench', '--i-know', ...flags);

async function davTarget(place: PeerPlace, address: string): Promise<LoadTarget> {
  await startDaemon(place, '--shares', address);
  const { share, password } = await createShare(place);
  const { protocol, hostname, port, pathname } = new URL(share.url);
  return {
    kind: 'dav',
    host: hostname,
    port: Number(port),
    isEncrypted: protocol === 'https:',
    prefix: pathname,
    user: 'bench',
    password,
  };
}

function davPeer(name: string, what: string, address: string): SharePeer {
  return {
    name,
    what,
    needs: [],
    hindrance: () => null,
    version: ownVersion,
    start: (place) => davTarget(place, address),
  };
}

export const ownDav = davPeer(
  'webdav',
  'causeway share, plain HTTP, signed in, recorded, flushed before it is answered',
  '127.0.0.1:0',
);
export const ownDavTls = davPeer('webdav-tls', 'the same over TLS 1.3', 'https://127.0.0.1:0');

export const ownSmb: SharePeer = {
  name: 'smb',
  what: 'causeway share --smb, SMB 3.1.1 with encryption, by smbclient',
  needs: SMB_NEEDS,
  hindrance: (_machine, isRoot) =>
    isRoot ? null : 'Samba serves its clients as root only: run it with sudo',
  version: async (machine) =>
    `${await ownVersion(machine)}; ${await versionLine(machine, ['smbd', '--version'])}`,
  async start(place) {
    const port = await place.machine.freePort();
    await startDaemon(place, '--shares', '127.0.0.1:0', '--smb', `127.0.0.1:${port}`);
    const { share, password } = await createShare(place, '--smb');
    return smbTarget(place, { port: share.smb?.port ?? port, share: 'bench', user: 'bench', password });
  },
};

function localMount(name: string, what: string, flags: readonly string[]): SharePeer {
  return {
    name,
    what,
    needs: [],
    hindrance: noFuse,
    version: ownVersion,
    async start({ machine, shared, mountpoint, start, atEnd }) {
      const argv = [
        ...machine.own.cli,
        'mount',
        '--foreground',
        '--json',
        ...flags,
        '--',
        shared,
        mountpoint,
      ];
      const server = start({ argv, ready: 'stdout' });
      atEnd(() => machine.files.unmount(mountpoint));
      await server.readyLine();
      return { kind: 'folder', path: mountpoint };
    },
  };
}

export const ownMount = localMount('mount', 'causeway mount of a folder of this machine (FUSE)', []);
export const ownCopyingMount = localMount('mount-copying', 'the same, all bytes through its server', [
  '--no-passthrough',
]);

export const ownFarMount: SharePeer = {
  name: 'mount-tls',
  what: 'causeway mount of a folder of a machine, over the link with TLS 1.3 (FUSE)',
  needs: [],
  hindrance: noFuse,
  version: ownVersion,
  async start(place) {
    const { machine, shared, state, mountpoint } = place;
    const agentData = `${state}/guest`;
    machine.files.makeFolder(agentData);
    const listen = ['run', '--listen', '127.0.0.1:0', '--data', agentData, '--ready-fd', '3'];
    const agent = place.start({ argv: [...machine.own.agent, ...listen], ready: 'fd3' });
    const ready = JSON.parse(await agent.readyLine()) as { readonly address: string; readonly token: string };
    await startDaemon(place, '--no-shares');
    await ask(place, 'vm', 'add', 'bench', '--tcp', ready.address, '--token', ready.token);
    place.atEnd(() => machine.files.unmount(mountpoint));
    await ask(place, 'mount', `bench:${shared}`, mountpoint, '--as-root');
    return { kind: 'folder', path: mountpoint };
  },
};
