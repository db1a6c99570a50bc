/** One private OpenSSH server, shared by all peers that go over ssh. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Network } from '../network.ts';
import { freePort, Server, Unavailable } from '../server.ts';
import { findTool, plainEnv } from '../tools.ts';
import type { Workplace } from '../workplace.ts';

const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/lib/ssh/sftp-server',
];
/** Where sshd drops privileges to when root runs it; the Debian package makes it at boot only. */
const PRIVILEGE_SEPARATION_FOLDER = '/run/sshd';

export class SshServer {
  readonly folder: string;
  readonly user = userInfo().username;
  port = 0;
  readonly #network: Network;
  #server: Server | null = null;
  #starting: Promise<void> | null = null;
  #users = 0;

  constructor({ config, network }: Workplace) {
    this.folder = join(config, 'ssh');
    this.#network = network;
  }

  /** Where it listens. */
  get host(): string {
    return this.#network.host;
  }

  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  /** Client configuration: host `bench`, own identity, own known hosts, nothing of the user's. */
  get clientConfig(): string {
    return join(this.folder, 'config');
  }

  get identity(): string {
    return join(this.folder, 'user_key');
  }

  get knownHosts(): string {
    return join(this.folder, 'known_hosts');
  }

  /** The first caller starts it, the others share it, or its failure. */
  acquire(): Promise<void> {
    this.#users++;
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const sshd = findTool('sshd', 'openssh-server');
    findTool('ssh', 'openssh-client');
    const sftp = SFTP_SERVERS.find((path) => existsSync(path));
    if (sftp === undefined) throw new Unavailable('no sftp-server (Debian package openssh-sftp-server)');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_SEPARATION_FOLDER, { recursive: true, mode: 0o755 });
    this.port = await freePort();
    await this.#writeKeys();
    writeFileSync(join(this.folder, 'sshd_config'), this.#serverConfig(sftp));
    writeFileSync(this.clientConfig, this.#clientConfigText());
    const argv = [sshd, '-D', '-e', '-f', join(this.folder, 'sshd_config')];
    this.#server = new Server('sshd', this.#network.enter(argv), plainEnv(this.folder));
    await this.#server.untilListening(this.port, this.host);
  }

  /** The last caller stops it. */
  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    await this.#server?.stop();
    this.#server = null;
    this.#starting = null;
  }

  async #writeKeys(): Promise<void> {
    const keygen = findTool('ssh-keygen', 'openssh-client');
    for (const name of ['host_key', 'user_key']) {
      if (existsSync(join(this.folder, name))) continue;
      const args = ['-q', '-t', 'ed25519', '-N', '', '-C', 'causeway-bench', '-f', join(this.folder, name)];
      await promisify(execFile)(keygen, args);
    }
    const hostKey = readFileSync(join(this.folder, 'host_key.pub'), 'utf8').trim();
    writeFileSync(this.knownHosts, `[${this.#network.host}]:${this.port} ${hostKey}\n`);
  }

  #serverConfig(sftp: string): string {
    return [
      `Port ${this.port}`,
      `ListenAddress ${this.#network.host}`,
      `HostKey ${join(this.folder, 'host_key')}`,
      `AuthorizedKeysFile ${join(this.folder, 'user_key.pub')}`,
      `AllowUsers ${this.user}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'PidFile none',
      'UseDNS no',
      'PrintMotd no',
      'PrintLastLog no',
      'MaxStartups 100',
      'LogLevel ERROR',
      // Bash reads the user's .bashrc in a first-level shell under sshd; what that file does is not the peer's cost.
      'SetEnv SHLVL=2',
      `Subsystem sftp ${sftp}`,
      '',
    ].join('\n');
  }

  #clientConfigText(): string {
    return [
      'Host bench',
      `  HostName ${this.#network.host}`,
      `  Port ${this.port}`,
      `  User ${this.user}`,
      `  IdentityFile ${this.identity}`,
      '  IdentitiesOnly yes',
      '  IdentityAgent none',
      `  UserKnownHostsFile ${this.knownHosts}`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      '',
    ].join('\n');
  }
}
