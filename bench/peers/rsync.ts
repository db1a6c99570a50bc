import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { CopyRun, Peer } from '../peer.ts';
import { freePort, Server } from '../server.ts';
import { findTool, plainEnv, versionLine } from '../tools.ts';
import type { Workplace } from '../workplace.ts';

/** An rsync daemon of our own on 127.0.0.1: plain TCP, no encryption. */
export function rsyncDaemonPeer(place: Workplace): Peer {
  const folder = join(place.config, 'rsyncd');
  let port = 0;
  let server: Server | null = null;
  const rsync = () => findTool('rsync', 'rsync');
  return {
    name: 'rsync-daemon',
    note: 'plain TCP, not flushed',
    kinds: ['file', 'tree'],
    async start() {
      const program = rsync();
      port = await freePort();
      mkdirSync(folder, { recursive: true });
      const config = join(folder, 'rsyncd.conf');
      const identity = process.getuid?.() === 0 ? `uid = ${userInfo().uid}\ngid = ${userInfo().gid}\n` : '';
      const general = `address = 127.0.0.1\nport = ${port}\nuse chroot = no\nlog file = ${join(folder, 'log')}\n`;
      const module = `[bench]\npath = ${place.destination}\nread only = no\n`;
      writeFileSync(config, `${general}${identity}${module}`);
      server = new Server(
        'rsync daemon',
        [program, '--daemon', '--no-detach', `--config=${config}`],
        plainEnv(folder),
      );
      await server.untilListening(port);
    },
    version: () => versionLine([rsync(), '--version']),
    command({ source }: CopyRun) {
      return { argv: [rsync(), '-a', source, `rsync://127.0.0.1:${port}/bench/`], env: plainEnv(folder) };
    },
    servers: () => (server ? [{ label: 'server', pid: server.pid }] : []),
    async stop() {
      await server?.stop();
    },
  };
}
