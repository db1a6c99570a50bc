import { type SharePeer, versionLine } from '../share_peer.ts';

/** A folder of this machine shown at another place of it by FUSE. */
export const bindfs: SharePeer = {
  name: 'bindfs',
  what: 'FUSE, on this machine',
  needs: [
    { program: 'bindfs', debianPackage: 'bindfs' },
    { program: 'fusermount3', debianPackage: 'fuse3' },
  ],
  hindrance: (machine) => (machine.files.isThere('/dev/fuse') ? null : 'this kernel offers no FUSE'),
  version: (machine) => versionLine(machine, ['bindfs', '--version']),
  async start({ machine, shared, mountpoint, start, atEnd }) {
    const server = start({ argv: [machine.find('bindfs') ?? '', '-f', shared, mountpoint] });
    atEnd(() => machine.files.unmount(mountpoint));
    await server.until(() => machine.files.isMounted(mountpoint));
    return { kind: 'folder', path: mountpoint };
  },
};
