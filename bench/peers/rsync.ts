import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { CopyRun, Peer } from '../peer.ts';
import type { Prior } from '../prior.ts';
import { freePort, Server } from '../server.ts';
import { findTool, plainEnv, versionLine } from '../tools.ts';
import type { Workplace } from '../workplace.ts';

/** What makes rsync send only what differs. */
export function deltaFlags(prior: Prior | undefined): string[] {
  if (prior === undefined || prior === 'same') return [];
  return prior === 'rename' ? ['--no-whole-file', '--fuzzy'] : ['--no-whole-file'];
}

/** An rsync daemon of our own: plain TCP, no encryption. */
export function rsyncDaemonPeer(place: Workplace): Peer {
  const folder = join(place.config, 'rsyncd');
  let port = 0;
  let server: Server | null = null;
  const { network } = place;
  const rsync = () => findTool('rsync', 'rsync');
  return {
    name: 'rsync-daemon',
    note: 'plain TCP, not flushed',
    kinds: ['file', 'tree'],
    updates: true,
    local: false,
    async start() {
      const program = rsync();
      port = await freePort();
      mkdirSync(folder, { recursive: true });
      const config = join(folder, 'rsyncd.conf');
      const identity = process.getuid?.() === 0 ? `uid = ${userInfo().uid}\ngid = ${userInfo().gid}\n` : '';
      const general = `address = ${network.host}\nport = ${port}\nuse chroot = no\nlog file = ${join(folder, 'log')}\n`;
      const module = `[bench]\npath = ${place.destination}\nread only = no\n`;
      writeFileSync(config, `${general}${identity}${module}`);
      server = new Server(
        'rsync daemon',
        network.enter([program, '--daemon', '--no-detach', `--config=${config}`]),
        plainEnv(folder),
      );
      await server.untilListening(port, network.host);
    },
    version: () => versionLine([rsync(), '--version']),
    command({ source, prior }: CopyRun) {
      const target = `rsync://${network.host}:${port}/bench/`;
      return { argv: [rsync(), '-a', ...deltaFlags(prior), source, target], env: plainEnv(folder) };
    },
    servers: () => (server ? [{ label: 'server', pid: server.pid }] : []),
    async stop() {
      await server?.stop();
    },
  };
}
