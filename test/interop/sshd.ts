import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './rig.ts';

const SSHD = '/usr/sbin/sshd';
const NOBODY = 65_534;
const IS_ROOT = process.getuid?.() === 0;

/** All that a machine behind this sshd has in its PATH: what Debian calls essential, and by far not all of it. */
const TOOLS =
  `sh tar gzip sha256sum uname cat mkdir mv rm rmdir ln readlink df id getconf basename dirname sync find
  chmod`.split(/\s+/);

export function sshdMissing(): string | null {
  const missing = [SSHD, '/usr/bin/ssh', '/usr/bin/setpriv'].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `needs ${missing.join(' and ')}`;
}

/** A real sshd on loopback whose user has a home of its own, no rights, and nothing but a few tools in the PATH. */
export class Sshd implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  #child: ChildProcess;
  #log = '';

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.#child = this.#spawn();
  }

  static async start(folder: string): Promise<Sshd> {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    mkdirSync(join(folder, 'home'));
    for (const tool of TOOLS) symlinkSync(which(tool), join(folder, 'bin', tool));
    chmodSync(folder, 0o755);
    if (IS_ROOT) {
      chownSync(join(folder, 'home'), NOBODY, NOBODY);
      mkdirSync('/run/sshd', { recursive: true });
    }
    for (const key of ['host', 'user', 'stranger']) makeKey(join(folder, key));
    const sshd = new Sshd(folder, await freePort());
    sshd.know('host');
    await until('sshd listens', 10_000, () => (sshd.#log.includes('Server listening') ? true : null));
    return sshd;
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  get target(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** What the command line needs to get in, with that key. */
  options(key = 'user'): string[] {
    const file = join(this.folder, 'known_hosts');
    return ['--identity', join(this.folder, key), '--ssh-option', `UserKnownHostsFile=${file}`];
  }

  /** Makes the public half of that key the one that ssh expects of this machine. */
  know(key: string): void {
    const publicKey = execFileSync('ssh-keygen', ['-y', '-f', join(this.folder, key)], { encoding: 'utf8' });
    writeFileSync(join(this.folder, 'known_hosts'), `[127.0.0.1]:${this.port} ${publicKey}`);
  }

  /** Puts a script in place of a tool of the machine, until the function that is given back is called. */
  replaceTool(tool: string, script: string): () => void {
    const path = join(this.folder, 'bin', tool);
    rmSync(path, { force: true });
    writeFileSync(path, `#!${which('sh')}\n${script}\n`, { mode: 0o755 });
    return () => {
      rmSync(path);
      symlinkSync(which(tool), path);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #spawn(): ChildProcess {
    const { folder } = this;
    const lower = IS_ROOT ? `${which('setpriv')} --reuid ${NOBODY} --regid ${NOBODY} --clear-groups` : '';
    writeFileSync(
      join(folder, 'enter'),
      `#!/bin/sh\ncd ${folder}/home\nexec ${which('env')} -i HOME=${folder}/home PATH=${folder}/bin ${lower} ${which('sh')} -c "$SSH_ORIGINAL_COMMAND"\n`,
      { mode: 0o755 },
    );
    const config = {
      Port: this.port,
      ListenAddress: '127.0.0.1',
      HostKey: join(folder, 'host'),
      AuthorizedKeysFile: join(folder, 'user.pub'),
      PidFile: 'none',
      StrictModes: 'no',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
      PermitRootLogin: 'yes',
      ForceCommand: join(folder, 'enter'),
    };
    const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(join(folder, 'sshd_config'), lines.join(''));
    const args = ['--pdeathsig', 'KILL', '--', SSHD, '-D', '-e', '-f', join(folder, 'sshd_config')];
    const child = spawn('setpriv', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (piece: Buffer) => {
      this.#log = (this.#log + piece.toString()).slice(-8_192);
    });
    return child;
  }
}

function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
}

function which(tool: string): string {
  const found = ['/usr/bin', '/bin', '/usr/sbin', '/sbin']
    .map((folder) => join(folder, tool))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${tool} is missing`);
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
