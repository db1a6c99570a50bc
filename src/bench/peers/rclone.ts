import { type SharePeer, versionLine } from '../share_peer.ts';

export const rcloneDav: SharePeer = {
  name: 'rclone-webdav',
  what: 'rclone serve webdav, plain HTTP, nobody signs in, not flushed',
  needs: [{ program: 'rclone', debianPackage: 'rclone' }],
  hindrance: () => null,
  version: (machine) => versionLine(machine, ['rclone', 'version']),
  async start({ machine, shared, state, start }) {
    const port = await machine.freePort();
    const rclone = machine.find('rclone') ?? '';
    const server = start({
      argv: [rclone, 'serve', 'webdav', shared, '--addr', `127.0.0.1:${port}`],
      env: { RCLONE_CONFIG: `${state}/rclone.conf`, RCLONE_CACHE_DIR: `${state}/cache` },
    });
    await server.until(() => machine.accepts(port));
    return {
      kind: 'dav',
      host: '127.0.0.1',
      port,
      isEncrypted: false,
      prefix: '/',
      user: '',
      password: '',
    };
  },
};
