/** Peers that go through OpenSSH: rsync, scp, tar, rclone. */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CaseKind, CopyRun, Peer } from '../peer.ts';
import { findTool, plainEnv, quoted, versionLine } from '../tools.ts';
import { deltaFlags } from './rsync.ts';
import type { SshServer } from './sshd.ts';

const BOTH: readonly CaseKind[] = ['file', 'tree'];

interface Recipe {
  readonly name: string;
  readonly note: string;
  readonly kinds: readonly CaseKind[];
  readonly updates?: true;
  /** The programs and the Debian packages that hold them. */
  readonly tools: ReadonlyArray<readonly [string, string]>;
  readonly argv: (run: CopyRun) => string[];
  readonly version: () => Promise<string>;
  readonly prepare?: () => void;
}

function overSsh(ssh: SshServer, recipe: Recipe): Peer {
  let acquired = false;
  return {
    name: recipe.name,
    note: recipe.note,
    kinds: recipe.kinds,
    updates: recipe.updates ?? false,
    local: false,
    async start() {
      for (const [tool, debianPackage] of recipe.tools) findTool(tool, debianPackage);
      acquired = true;
      await ssh.acquire();
      recipe.prepare?.();
    },
    version: recipe.version,
    command: (run: CopyRun) => ({ argv: recipe.argv(run), env: plainEnv(ssh.folder) }),
    servers: () => [{ label: 'server', pid: ssh.pid }],
    async stop() {
      if (acquired) await ssh.release();
      acquired = false;
    },
  };
}

const sshVersion = () => versionLine([findTool('ssh', 'openssh-client'), '-V']);

export function rsyncSshPeer(ssh: SshServer): Peer {
  const rsync = () => findTool('rsync', 'rsync');
  return overSsh(ssh, {
    name: 'rsync-ssh',
    note: 'OpenSSH default cipher, not flushed',
    kinds: BOTH,
    updates: true,
    tools: [['rsync', 'rsync']],
    version: async () => `${await versionLine([rsync(), '--version'])}; ${await sshVersion()}`,
    argv: ({ source, destination, prior }) => [
      rsync(),
      '-a',
      ...deltaFlags(prior),
      '-e',
      `ssh -F ${ssh.clientConfig}`,
      source,
      `bench:${destination}/`,
    ],
  });
}

export function scpPeer(ssh: SshServer, cipher?: string): Peer {
  return overSsh(ssh, {
    name: cipher === undefined ? 'scp' : 'scp-gcm',
    note: `OpenSSH ${cipher === undefined ? 'default cipher' : cipher}, not flushed`,
    kinds: BOTH,
    tools: [['scp', 'openssh-client']],
    version: sshVersion,
    argv: ({ kind, source, destination }) => [
      findTool('scp', 'openssh-client'),
      '-q',
      '-p',
      ...(kind === 'tree' ? ['-r'] : []),
      '-F',
      ssh.clientConfig,
      ...(cipher === undefined ? [] : ['-c', cipher]),
      source,
      `bench:${destination}/`,
    ],
  });
}

export function tarSshPeer(ssh: SshServer): Peer {
  return overSsh(ssh, {
    name: 'tar-ssh',
    note: 'OpenSSH default cipher, not flushed',
    kinds: ['tree'],
    tools: [
      ['tar', 'tar'],
      ['bash', 'bash'],
    ],
    version: async () => `${await versionLine([findTool('tar', 'tar'), '--version'])}; ${await sshVersion()}`,
    argv: ({ source, destination }) => {
      const pack = `tar -C ${quoted(dirname(source))} -cf - ${quoted(basename(source))}`;
      const unpack = quoted(`tar -C ${quoted(destination)} -xf -`);
      const script = `set -o pipefail; ${pack} | ssh -F ${quoted(ssh.clientConfig)} bench ${unpack}`;
      return [findTool('bash', 'bash'), '-c', script];
    },
  });
}

export function rclonePeer(ssh: SshServer): Peer {
  const rclone = () => findTool('rclone', 'rclone');
  const config = join(ssh.folder, 'rclone.conf');
  return overSsh(ssh, {
    name: 'rclone-sftp',
    note: 'own SSH client, default cipher, not flushed; hashes compared after the copy of a file, not of a tree',
    kinds: BOTH,
    tools: [['rclone', 'rclone']],
    version: async () => `${await versionLine([rclone(), 'version'])}; ${await sshVersion()}`,
    prepare: () => {
      const lines = [
        '[bench]',
        'type = sftp',
        `host = ${ssh.host}`,
        `port = ${ssh.port}`,
        `user = ${ssh.user}`,
      ];
      const keys = [`key_file = ${ssh.identity}`, `known_hosts_file = ${ssh.knownHosts}`, ''];
      writeFileSync(config, [...lines, ...keys].join('\n'));
    },
    argv: ({ kind, source, destination }) => {
      const target = kind === 'tree' ? join(destination, basename(source)) : destination;
      // Its check starts a remote md5sum per file, about a minute and a half of processor time for 20,000 of them.
      const flags = kind === 'tree' ? ['--ignore-checksum'] : [];
      return [rclone(), '--config', config, 'copy', ...flags, source, `bench:${target}`];
    },
  });
}
